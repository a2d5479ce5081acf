/** Native sockets for a test without a network: every one of them is refused, but for what the test gives. */
import type { SocketOpener } from '../../core/outbound/socket-opener.ts';

export function noSockets(given: Partial<SocketOpener> = {}): SocketOpener {
  const refuse = (): never => {
    throw Object.assign(new Error('no network in this test'), { code: 'ENETUNREACH' });
  };
  return {
    openStream: async () => refuse(),
    keepStream: async () => refuse(),
    closeStream: refuse,
    CarriedStream: class {
      constructor() {
        refuse();
      }
      bytes = refuse;
      ended = refuse;
    },
    openUdp: refuse,
    ...given,
  };
}
