import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { PipelinedConnection } from '../../../../core/dns/upstream/pipelined-connection.ts';
import { bytesWorked } from '../../../support/byte-work.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test.each([
  ['one long message', 65_533],
  ['messages that are nothing but a length', 0],
  ['short messages', 40],
])('64 KiB of %s that nobody asked for, byte by byte, take work for 64 KiB', (_what, length) => {
  const stream = new PassThrough();
  const connection = new PipelinedConnection(stream, new ManualClock());
  const message = Buffer.alloc(2 + length);
  message.writeUInt16BE(length);
  const worked = bytesWorked(() => {
    for (let at = 0; at < 65_535; at++) stream.emit('data', Buffer.of(message[at % message.length] ?? 0));
  });
  expect(worked).toBeLessThan(8 * 65_536);
  expect(connection.isUsable).toBe(true);
  stream.destroy();
});
