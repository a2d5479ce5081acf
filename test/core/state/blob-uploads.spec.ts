/** What uploads hold, and that overlapping parts make the whole. */
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlobUploads } from '../../../core/state/blob-uploads.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const uid = 1000;
const partBytes = 45_000;
const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const contents = (size: number): Buffer => Buffer.alloc(size, 'mirage');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** Bytes of all buffers that somebody still holds. */
function heldBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

describe('what is held is what is counted', () => {
  const freshBytes = [0, 1, 2, 7, 100];

  test.each(freshBytes)('of parts with %i new bytes behind many that came before', (fresh) => {
    const bytes = contents(1024 * 1024);
    const sha256 = shaOf(bytes);
    const uploads = new BlobUploads(new ManualClock(), 64 * 1024 * 1024);
    const take = (offset: number): void => {
      // As it comes from a message: a buffer of its own.
      const data = Buffer.from(bytes.subarray(offset, offset + partBytes).toString('base64'), 'base64');
      expect(uploads.take(uid, { sha256, size: bytes.length, offset, data })).toBeUndefined();
    };
    take(0);
    const before = heldBytes();
    const parts = 1000;
    for (let n = 1; n <= parts; n++) take(n * fresh);
    // As they came they would hold 45 MB. The rest is room for what other parts of the test hold.
    expect(heldBytes() - before).toBeLessThan(parts * fresh + 5_000_000);
    expect(uploads.has(uid, sha256)).toBe(true);
  });

  test('a block that is not full counts whole', () => {
    const block = 16 * 1024;
    const uploads = new BlobUploads(new ManualClock(), 4 * block);
    const begun = Array.from({ length: 5 }, (_, n) => shaOf(Buffer.from([n])));
    for (const [n, sha256] of begun.entries())
      uploads.take(uid + n, { sha256, size: 1024 * 1024, offset: 0, data: Buffer.from([n]) });
    expect(begun.map((sha256, n) => uploads.has(uid + n, sha256))).toEqual([false, true, true, true, true]);
  });
});

test('parts that overlap in any way make the whole', () => {
  const steps = fc.array(fc.tuple(fc.nat(partBytes), fc.nat(partBytes)), { maxLength: 20 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150_000 }), steps, (size, overlaps) => {
      const bytes = contents(size);
      const uploads = new BlobUploads(new ManualClock(), 64 * 1024 * 1024);
      const sha256 = shaOf(bytes);
      let received = 0;
      const take = (back: number, fresh: number): Buffer | undefined => {
        const offset = Math.max(0, received - back);
        const data = Buffer.from(bytes.subarray(offset, received + fresh));
        received = Math.min(size, received + fresh);
        return uploads.take(uid, { sha256, size, offset, data });
      };
      let whole: Buffer | undefined;
      for (const [back, fresh] of overlaps) whole ??= take(back, fresh);
      for (let n = 0; n * partBytes < size; n++) whole ??= take(0, partBytes);
      expect(whole?.equals(bytes)).toBe(true);
      expect(uploads.isEmpty).toBe(true);
    }),
  );
});
