/** Counts the bytes that code decodes or copies, however fast the machine is. */
import { vi } from 'vitest';

/** Bytes that were made text, put together or copied by JavaScript while `work` ran. */
export function bytesWorked(work: () => void): number {
  let bytes = 0;
  const buffers: object = Buffer.prototype;
  const arrays: object = Uint8Array.prototype;
  const toString: unknown = Reflect.get(buffers, 'toString');
  const set: unknown = Reflect.get(arrays, 'set');
  if (typeof toString !== 'function' || typeof set !== 'function') throw new Error('these are no buffers');
  const concat = Buffer.concat.bind(Buffer);
  const spies = [
    vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...parameters) {
      bytes += this.length;
      return String(Reflect.apply(toString, this, parameters));
    }),
    vi.spyOn(Buffer, 'concat').mockImplementation((list, length) => {
      bytes += list.reduce((sum, each) => sum + each.length, 0);
      return concat(list, length);
    }),
    vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, from, at) {
      bytes += from.length;
      Reflect.apply(set, this, [from, at]);
    }),
  ];
  try {
    work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return bytes;
}
