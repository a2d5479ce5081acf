/** A stream that native code keeps for a client, and carries. */
import type { CarriedStream, KeptStream } from '../flow/kept-stream.ts';
import type { SocketOpener } from './socket-opener.ts';

/** The stream that native code knows by `number`; `forget` is called once it is over. */
export function keptStream(opener: SocketOpener, number: number, forget: () => void): KeptStream {
  return {
    carry: (descriptor, first) => carried(opener, number, descriptor, first, forget),
    giveUp: () => {
      opener.closeStream(number, 'reset');
      forget();
    },
  };
}

function carried(
  opener: SocketOpener,
  number: number,
  descriptor: number,
  first: Uint8Array,
  forget: () => void,
): CarriedStream {
  const stream = new opener.CarriedStream(number, descriptor, first);
  return {
    bytes: () => stream.bytes(),
    close: (how) => opener.closeStream(number, how),
    ended: stream.ended().finally(forget),
  };
}
