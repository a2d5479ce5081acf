/** What the first bytes of a connection tell about the name it is for. Only names that a host can have count. */
import { comparableDomain } from '../base/domain.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import { isLoopbackName } from '../base/special-names.ts';

export const sniffProtocols = ['tls', 'http', 'quic'] as const;
export type SniffProtocol = (typeof sniffProtocols)[number];

export type Sniffed =
  /**
   * `outer`: the hello carries an Encrypted Client Hello, whose true name may be another one. Browsers send a meaningless
   * one where they have none (GREASE, RFC 9849), and the two cannot be told apart.
   */
  | { readonly kind: 'name'; readonly name: string; readonly protocol: SniffProtocol; readonly outer?: boolean }
  /** Ask again with at least so many bytes (datagrams for QUIC) from the beginning. */
  | { readonly kind: 'more'; readonly atLeast: number }
  /** Not this protocol, or without a name; more bytes change nothing. */
  | { readonly kind: 'none' };

export const nothingSniffed: Sniffed = { kind: 'none' };

/**
 * The comparable form of a name that a client wrote; undefined for an address (also `127.1`), for what no host is called, and
 * for `localhost`: what was sent elsewhere must not lead to services of this machine.
 */
export function sniffedName(text: string): string | undefined {
  // An international name travels as `xn--` (RFC 6066 section 3, RFC 9110 section 4.2.3): other bytes are no name.
  if (/[^\x21-\x7e]/.test(text) || domainNameProblem(text) !== undefined) return undefined;
  const name = comparableDomain(text);
  // A last label of digits makes an address to some, also as `0x7f` (WHATWG URL, "ends in a number").
  if (isLoopbackName(name)) return undefined;
  return /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name) ? undefined : name;
}
