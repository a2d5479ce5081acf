import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { finish } from '../../../core/base/steps.ts';
import { maxBlobBytes } from '../../../core/contract/sets.ts';
import { BlobStore, hasSha256 } from '../../../core/state/blob-store.ts';

let directory: string;
let store: BlobStore;
const uid = 1000;
const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const code = (expected: string) => expect.objectContaining({ code: expected });

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'mirage-blobs-')), 'blobs');
  store = new BlobStore(directory);
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

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

test('parts become one file that only its owner can read', async () => {
  const bytes = Buffer.alloc(100_000, 'abc');
  expect(await putAll(bytes)).toBe(true);
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
  await expect(part(2, 'c')).rejects.toThrow(code('RPC_BAD_PARAMS'));
  await expect(part(3, 'd', 7)).rejects.toThrow(code('RPC_BAD_PARAMS'));
  await expect(part(3, 'defg')).rejects.toThrow(code('RPC_BAD_PARAMS'));
  expect(await part(3, 'def')).toBe(true);
});

test('another blob, or the same from its beginning, forgets what was under way', async () => {
  const bytes = Buffer.from('abcdef');
  const part = (offset: number, data: Buffer) => store.put(uid, { sha256: shaOf(bytes), size: 6, offset, data });
  await part(0, bytes.subarray(0, 3));
  await part(0, bytes.subarray(0, 2));
  expect(await part(2, bytes.subarray(2))).toBe(true);
});

test('bytes with another sha256 are not kept', async () => {
  const data = Buffer.from('abc');
  const sha256 = shaOf(Buffer.from('xyz'));
  await expect(store.put(uid, { sha256, size: 3, offset: 0, data })).rejects.toThrow(code('RPC_BAD_PARAMS'));
  expect(store.has(uid, sha256)).toBe(false);
});

test('what no configuration names goes; what it names stays', async () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  await putAll(a);
  await putAll(b);
  await putAll(b, 10, 1001);
  store.keep(uid, new Set([shaOf(a)]));
  expect(readdirSync(join(directory, '1000'))).toEqual([shaOf(a)]);
  expect(store.has(1001, shaOf(b))).toBe(true);
});

test('one user has a bound, whoever comes after does not feel it', async () => {
  const announce = (of: number, n: number) =>
    store.put(of, { sha256: shaOf(Buffer.from(`${n}`)), size: maxBlobBytes, offset: 0, data: Buffer.alloc(0) });
  for (let n = 0; n < 6; n++) await putAll(Buffer.alloc(maxBlobBytes, n), maxBlobBytes);
  await expect(announce(uid, 7)).rejects.toThrow(code('RPC_TOO_LARGE'));
  expect(await announce(1001, 7)).toBe(false);
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
