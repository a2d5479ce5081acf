/**
 * Fake IPv6 addresses: a name's fake IPv4 address in the last 32 bits of a prefix (RFC 6052 section 2.2). So there is one mapping
 * for both, and nothing to keep for the second.
 */
import { bytesToIp, type Ip, ipFamily, ipToBytes } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import { firstInside, formatCidr, parseCidr } from '../../base/cidr.ts';

const prefixBytes = 12;

export class FakeIp6Range {
  /** As `network/96`. */
  readonly text: string;
  readonly #bytes: Uint8Array;

  /** The first /96 of an IPv6 prefix. Throws CONFIG_INVALID for anything else. */
  constructor(text: string) {
    const cidr = parseCidr(text);
    if (cidr === undefined || cidr.family !== 6 || cidr.prefix > 8 * prefixBytes) {
      throw new AppError('CONFIG_INVALID', `"${text}" is no IPv6 prefix of 96 bits or less`, {
        expected: 'a prefix such as fdfe:dcba:9877::/96',
      });
    }
    this.text = formatCidr(firstInside(cidr, 8 * prefixBytes));
    this.#bytes = ipToBytes(this.text.slice(0, this.text.indexOf('/')));
  }

  /** The IPv6 address that goes with a fake IPv4 one. */
  addressOf(ip4: Ip): Ip {
    const bytes = Uint8Array.from(this.#bytes);
    bytes.set(ipToBytes(ip4), prefixBytes);
    return bytesToIp(bytes);
  }

  /** The IPv4 address in an IPv6 one; undefined outside the prefix. */
  embeddedIn(ip: Ip): Ip | undefined {
    if (ipFamily(ip) !== 6) return undefined;
    const bytes = ipToBytes(ip);
    for (let i = 0; i < prefixBytes; i++) if (bytes[i] !== this.#bytes[i]) return undefined;
    return bytesToIp(bytes.subarray(prefixBytes));
  }
}
