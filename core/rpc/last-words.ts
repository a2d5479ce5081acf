/** The end of a connection on which something was still said to the other side. */
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** How long the other side has to read and leave. Milliseconds. */
const patienceMs = 1_000;
/** Bytes that may still come: what a client sends before it has looked. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Writes frames and ends the connection. What still comes is read and thrown away until the other side leaves too:
 * closed with bytes unread, the connection would be reset, and the last words lost (unix(7), ECONNRESET).
 */
export function endAfterLastWords(socket: Socket, frames: readonly Buffer[], clock: Clock): void {
  socket.on('error', () => undefined);
  for (const frame of frames) socket.write(frame);
  socket.end();
  const before = socket.bytesRead;
  socket.on('data', () => {
    if (socket.bytesRead - before > mostBytes) socket.destroy();
  });
  socket.resume();
  const cancel = clock.after(patienceMs, () => socket.destroy());
  socket.once('close', cancel);
}
