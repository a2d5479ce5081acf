/** Datagrams in a stream, as Trojan frames them: an address as SOCKS5 writes it, length, line end, data. Bytes only, no sockets. */
import { encodeSocksAddress, parseSocksAddress } from './socks5-address.ts';
import type { SocksDatagram } from './socks5-udp.ts';

/** Address, length and line end. */
const maxHead = 1 + 1 + 255 + 2 + 2 + 2;

/** At most 65,535 bytes of data. */
export function encodeDatagramFrame({ peer, data }: SocksDatagram): Uint8Array {
  const head = Uint8Array.of(data.length >> 8, data.length & 255, 13, 10);
  return Buffer.concat([encodeSocksAddress(peer), head, data]);
}

/** Reads frames out of a stream, however it is cut. Holds no more than one that is not whole. */
export class DatagramFrames {
  #rest = Buffer.alloc(0);

  /** The datagrams that are whole now; undefined when what comes is no frame, and then for good. */
  take(bytes: Uint8Array): SocksDatagram[] | undefined {
    let left = Buffer.concat([this.#rest, bytes]);
    const datagrams: SocksDatagram[] = [];
    for (;;) {
      const address = parseSocksAddress(left);
      if (address.kind === 'bad' || (address.kind === 'ok' && address.value === 'unsupported')) return undefined;
      if (address.kind !== 'ok') break;
      const { value: peer, used } = address;
      if (peer === 'unsupported') return undefined;
      if (left.length < used + 4) break;
      if (left[used + 2] !== 13 || left[used + 3] !== 10) return undefined;
      const end = used + 4 + left.readUInt16BE(used);
      if (left.length < end) break;
      datagrams.push({ peer, data: left.subarray(used + 4, end) });
      left = left.subarray(end);
    }
    this.#rest = Buffer.from(left);
    return this.#rest.length > maxHead + 65_535 ? undefined : datagrams;
  }
}
