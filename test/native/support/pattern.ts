/** Bytes that both ends can make by themselves: no two neighbouring blocks are equal, so nothing lost or repeated goes unnoticed. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const block = 65_536;

function blockAt(index: number): Buffer {
  const bytes = Buffer.alloc(block, createHash('sha256').update(String(index)).digest());
  bytes.writeUInt32BE(index, 0);
  return bytes;
}

/** `bytes` bytes of the pattern. */
export function patternStream(bytes: number): Readable {
  let sent = 0;
  return new Readable({
    highWaterMark: block * 4,
    read() {
      if (sent >= bytes) {
        this.push(null);
        return;
      }
      const piece = blockAt(sent / block).subarray(0, Math.min(block, bytes - sent));
      sent += piece.length;
      this.push(piece);
    },
  });
}

/** SHA-256 of the same bytes. */
export function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += block) {
    hash.update(blockAt(sent / block).subarray(0, Math.min(block, bytes - sent)));
  }
  return hash.digest('hex');
}
