/** One question for all protocols: is there a name in what a client has sent so far? */
import { unreachable } from '../base/unreachable.ts';
import { sniffHttp } from './http-host.ts';
import { sniffQuic } from './quic-initial.ts';
import { nothingSniffed, type Sniffed, type SniffProtocol } from './sniffed.ts';
import { sniffTls } from './tls-hello.ts';

/**
 * Looks for these protocols. `chunks` are the bytes from the beginning in order (for QUIC its datagrams). A name of any
 * counts; `none` when all say so.
 */
export function sniff(chunks: readonly Uint8Array[], protocols: readonly SniffProtocol[]): Sniffed {
  let atLeast = Number.POSITIVE_INFINITY;
  for (const protocol of protocols) {
    const sniffed = sniffOne(chunks, protocol);
    if (sniffed.kind === 'name') return sniffed;
    if (sniffed.kind === 'more') atLeast = Math.min(atLeast, sniffed.atLeast);
  }
  return Number.isFinite(atLeast) ? { kind: 'more', atLeast } : nothingSniffed;
}

function sniffOne(chunks: readonly Uint8Array[], protocol: SniffProtocol): Sniffed {
  switch (protocol) {
    case 'tls':
      return sniffTls(whole(chunks));
    case 'http':
      return sniffHttp(whole(chunks));
    case 'quic':
      return sniffQuic(chunks);
    default:
      return unreachable(protocol);
  }
}

function whole(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
