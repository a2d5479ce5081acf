import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { finish } from '../../../core/base/steps.ts';
import { BlobStore, hasSha256 } from '../../../core/state/blob-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';

let directory: string;
let clock: ManualClock;
let store: BlobStore;
const uid = 1000;
const minutes = 60_000;
const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const code = (expected: string) => expect.objectContaining({ code: expected });
/** As much smaller as tests are faster. */
const maxBlobBytes = 16_000;
const limits = { blob: maxBlobBytes, config: 96_000, total: 384_000, uploads: 64_000 };
/** Large ones that differ. */
const large = (n: number, size = maxBlobBytes): Buffer => {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(n);
  return bytes;
};

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'mirage-blobs-')), 'blobs');
  boot();
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

/** A helper begins on the same directory. */
function boot(): void {
  clock = new ManualClock();
  store = new BlobStore({ directory, clock, limits });
}

async function putAll(bytes: Buffer, part = 45_000, of = uid): Promise<boolean> {
  let done = false;
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += part)
    done = await store.put(of, {
      sha256: shaOf(bytes),
      size: bytes.length,
      offset,
      data: bytes.subarray(offset, offset + part),
    });
  return done;
}

const putWhole = (bytes: Buffer, of = uid): Promise<boolean> => putAll(bytes, Math.max(1, bytes.length), of);

test('parts become one file that only its owner can read', async () => {
  const bytes = Buffer.alloc(10_000, 'abc');
  expect(await putAll(bytes, 4_500)).toBe(true);
  expect(await store.read(uid, shaOf(bytes))).toEqual(bytes);
  store.keep(uid, new Set([shaOf(bytes)]), true);
  expect(await store.read(uid, shaOf(bytes))).toEqual(bytes);
  expect(statSync(join(directory, '1000', shaOf(bytes))).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, '1000')).mode & 0o777).toBe(0o700);
  expect(store.has(1001, shaOf(bytes))).toBe(false);
});

test('an empty one is whole at once', async () => {
  expect(await putAll(Buffer.alloc(0))).toBe(true);
  expect(await store.read(uid, shaOf(Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
});

test('a part out of order, beyond the size, or of another blob is refused', async () => {
  const sha256 = shaOf(Buffer.from('abcdef'));
  const part = (offset: number, text: string, size = 6) =>
    store.put(uid, { sha256, size, offset, data: Buffer.from(text) });
  await expect(part(3, 'def')).rejects.toThrow(code('RPC_BAD_PARAMS'));
  expect(await part(0, 'abc')).toBe(false);
  await expect(part(4, 'e')).rejects.toThrow(code('RPC_BAD_PARAMS'));
  await expect(part(3, 'd', 7)).rejects.toThrow(code('RPC_BAD_PARAMS'));
  await expect(part(3, 'defg')).rejects.toThrow(code('RPC_BAD_PARAMS'));
  expect(await part(3, 'def')).toBe(true);
});

test('bytes with another sha256 are not kept', async () => {
  const data = Buffer.from('abc');
  const sha256 = shaOf(Buffer.from('xyz'));
  await expect(store.put(uid, { sha256, size: 3, offset: 0, data })).rejects.toThrow(code('RPC_BAD_PARAMS'));
  expect(store.has(uid, sha256)).toBe(false);
});

describe('two apps of a user at once', () => {
  test('whatever they hand over, in whatever order their parts come, all of it comes', async () => {
    const blobs = [Buffer.alloc(500, 'a'), Buffer.alloc(333, 'b'), Buffer.alloc(499, 'c')];
    const choices = fc.tuple(fc.subarray(blobs, { minLength: 1 }), fc.subarray(blobs, { minLength: 1 }));
    await fc.assert(
      fc.asyncProperty(choices, fc.array(fc.nat(1), { maxLength: 40 }), async (apps, order) => {
        boot();
        for (const bytes of blobs) store.forget(uid, shaOf(bytes));
        const parts = apps.map(function* (some) {
          for (const bytes of some)
            for (let offset = 0; offset < bytes.length; offset += 100)
              yield { sha256: shaOf(bytes), size: bytes.length, offset, data: bytes.subarray(offset, offset + 100) };
        });
        const turn = async (app: number): Promise<boolean> => {
          const next = parts[app]?.next();
          if (next === undefined || next.done === true) return false;
          await store.put(uid, next.value);
          return true;
        };
        for (const app of order) await turn(app);
        // The rest of both, without waiting for each other.
        await Promise.all(
          parts.map(async (_, app) => {
            while (await turn(app));
          }),
        );
        for (const bytes of apps.flat()) expect(await store.read(uid, shaOf(bytes))).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });

  test('a fourth upload forgets the one to which nothing has come for longest', async () => {
    const some = [0, 1, 2, 3].map((n) => large(n, 10));
    const part = (bytes: Buffer, offset: number) =>
      store.put(uid, { sha256: shaOf(bytes), size: 10, offset, data: bytes.subarray(offset, offset + 5) });
    for (const bytes of some) await part(bytes, 0);
    const [first = large(0), ...others] = some;
    await expect(part(first, 5)).rejects.toThrow(code('RPC_BAD_PARAMS'));
    for (const bytes of others) expect(await part(bytes, 5)).toBe(true);
  });

  test('one to which nothing comes for a minute is forgotten', async () => {
    const bytes = large(1, 10);
    const part = (offset: number) =>
      store.put(uid, { sha256: shaOf(bytes), size: 10, offset, data: bytes.subarray(offset, offset + 5) });
    await part(0);
    await clock.advance(10 * minutes);
    await expect(part(5)).rejects.toThrow(code('RPC_BAD_PARAMS'));
    expect(clock.pending).toBe(0);
  });

  test('uploads of many users take no more memory than a few', async () => {
    const begun = Array.from({ length: 12 }, (_, n) => large(n));
    const half = maxBlobBytes / 2;
    for (const [n, bytes] of begun.entries())
      await store.put(uid + n, { sha256: shaOf(bytes), size: maxBlobBytes, offset: 0, data: bytes.subarray(0, half) });
    const outcomes = await Promise.allSettled(
      begun.map((bytes, n) =>
        store.put(uid + n, { sha256: shaOf(bytes), size: maxBlobBytes, offset: half, data: bytes.subarray(half) }),
      ),
    );
    // 64 MiB are eight halves.
    const forgotten = outcomes.filter(({ status }) => status === 'rejected');
    expect(forgotten.length).toBeGreaterThanOrEqual(4);
    expect(outcomes.at(-1)?.status).toBe('fulfilled');
  });
});

describe('what no configuration names', () => {
  test('what one named goes when the next does not; what is loose stays for a while', async () => {
    const [a, b, c] = [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')];
    for (const bytes of [a, b]) await putAll(bytes);
    await putAll(b, 10, 1001);
    store.keep(uid, new Set([a, b].map(shaOf)), true);
    await putAll(c);
    store.keep(uid, new Set([shaOf(a)]), true);
    expect([a, b, c].map((bytes) => store.has(uid, shaOf(bytes)))).toEqual([true, false, true]);
    await clock.advance(10 * minutes);
    expect([a, b, c].map((bytes) => store.has(uid, shaOf(bytes)))).toEqual([true, false, false]);
    expect(store.has(1001, shaOf(b))).toBe(false);
    expect(clock.pending).toBe(0);
  });

  test('is gone with the helper, and so is what was being written; what is named stays', async () => {
    const [named, loose] = [Buffer.from('named'), Buffer.from('loose')];
    await putAll(named);
    store.keep(uid, new Set([shaOf(named)]), true);
    await putAll(loose);
    writeFileSync(join(directory, '1000', `${shaOf(loose)}.new`), 'half');
    mkdirSync(join(directory, 'what'));
    boot();
    expect(readdirSync(join(directory, '1000'))).toEqual([shaOf(named)]);
    expect([store.has(uid, shaOf(named)), store.has(uid, shaOf(loose))]).toEqual([true, false]);
  });

  test('a user who hands over and never applies takes their own share, and what they did first', async () => {
    const some = Array.from({ length: 8 }, (_, n) => large(n));
    for (const bytes of some) await putWhole(bytes);
    expect(some.map((bytes) => store.has(uid, shaOf(bytes)))).toEqual([false, false, ...Array(6).fill(true)]);
  });
});

describe('room', () => {
  const named = (some: readonly Buffer[]) => new Set(some.map(shaOf));

  test('a new version of as much as a configuration may have finds room beside the one in force', async () => {
    const before = Array.from({ length: 6 }, (_, n) => large(n));
    const after = Array.from({ length: 6 }, (_, n) => large(100 + n));
    for (const some of [before, after, before]) {
      for (const sha256 of store.want(uid, named(some)))
        await putWhole(some.find((bytes) => shaOf(bytes) === sha256) ?? large(0));
      expect(store.want(uid, named(some))).toEqual([]);
      store.keep(uid, named(some), true);
    }
    expect(before.every((bytes) => store.has(uid, shaOf(bytes)))).toBe(true);
    expect(after.some((bytes) => store.has(uid, shaOf(bytes)))).toBe(false);
  });

  test('a configuration of more is refused with words, whether its sets come before or at once', async () => {
    const some = Array.from({ length: 7 }, (_, n) => large(n));
    store.want(uid, named(some));
    for (const bytes of some.slice(0, 6)) await putWhole(bytes);
    const [, , , , , , last = large(0)] = some;
    await expect(putWhole(last)).rejects.toThrow(code('RPC_TOO_LARGE'));
    store.keep(uid, named(some.slice(0, 6)), false);
    await putWhole(last);
    expect(() => store.want(uid, named(some))).toThrow(code('RPC_TOO_LARGE'));
  });

  test('users who fill it make room for one who has less, and never lose what is in force', async () => {
    const sets = (user: number) => Array.from({ length: 6 }, (_, n) => large(user * 10 + n));
    for (const user of [1, 2, 3, 4]) {
      for (const bytes of sets(user)) await putWhole(bytes, user);
      store.keep(user, named(sets(user)), user === 1);
    }
    for (const bytes of sets(5).slice(0, 3)) await putWhole(bytes, 5);
    expect(sets(1).every((bytes) => store.has(1, shaOf(bytes)))).toBe(true);
    expect(sets(5).filter((bytes) => store.has(5, shaOf(bytes)))).toHaveLength(3);
    const left = [2, 3, 4].flatMap((user) => sets(user).filter((bytes) => store.has(user, shaOf(bytes))));
    expect(left).toHaveLength(15);
    // But not for one who has as much.
    await expect(putWhole(large(99), 1)).rejects.toThrow(code('RPC_TOO_LARGE'));
  });
});

test('no path can be named', () => {
  for (const name of ['../x', '', 'A'.repeat(64), '/etc/passwd'])
    expect(() => store.has(uid, name)).toThrow(RangeError);
});

test('a damaged one is noticed, in steps', () => {
  const bytes = Buffer.alloc(1024 * 1024, 'x');
  expect(finish(hasSha256(bytes, shaOf(bytes)))).toBe(true);
  expect(finish(hasSha256(bytes.subarray(1), shaOf(bytes)))).toBe(false);
  expect([...hasSha256(bytes, shaOf(bytes))].length).toBe(16);
});
