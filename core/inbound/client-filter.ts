/** Which addresses may use a listener: those in a list, but not those in another; this machine always. */
import { type Ip, isLoopback, parseIp } from '../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../base/cidr.ts';

export class ClientFilter {
  readonly #allowed: readonly Cidr[] | undefined;
  readonly #refused: readonly Cidr[];

  /** Prefixes; without `allowed` all are let in that are not refused. */
  constructor(allowed: readonly string[] | undefined, refused: readonly string[] = []) {
    this.#allowed = allowed?.flatMap((text) => parseCidr(text) ?? []);
    this.#refused = refused.flatMap((text) => parseCidr(text) ?? []);
  }

  /** An address that cannot be read is nobody's. */
  admits(address: string | undefined): boolean {
    // A link-local address has its interface behind it (RFC 4007 section 11).
    const ip: Ip | undefined = parseIp((address ?? '').replace(/%.*$/, ''));
    if (ip === undefined) return false;
    if (isLoopback(ip)) return true;
    const isIn = (cidr: Cidr): boolean => cidrContains(cidr, ip);
    return (this.#allowed === undefined || this.#allowed.some(isIn)) && !this.#refused.some(isIn);
  }
}
