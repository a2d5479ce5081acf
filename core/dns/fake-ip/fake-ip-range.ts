/** The prefix that fake addresses come from: what is reserved in it, and slots 0, 1, 2, ... as addresses. */
import { type Ip, ipFamily, ipv4ToNumber, numberToIpv4 } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import { ipv4Range, parseCidr } from '../../base/cidr.ts';

/** Network, TUN and DNS server. */
const reservedFirst = 3;
const reservedLast = 1;
const smallest = 16;
const largest = 2 ** 24;

export class FakeIpRange {
  /** As `network/prefix`. */
  readonly text: string;
  /** The prefix's own address, which no host and no name has. */
  readonly networkAddress: Ip;
  /** Own address of the TUN device. */
  readonly tunAddress: Ip;
  /** Where the DNS server is asked. */
  readonly dnsAddress: Ip;
  /** Addresses that names can have. */
  readonly capacity: number;
  readonly #first: number;
  readonly #last: number;

  /** Throws CONFIG_INVALID for anything but an IPv4 prefix of at most a /8, FAKE_IP_RANGE_TOO_SMALL below 16 addresses. */
  constructor(text: string) {
    const cidr = parseCidr(text);
    if (cidr === undefined || cidr.family !== 4) {
      throw new AppError('CONFIG_INVALID', `"${text}" is no IPv4 prefix`, {
        expected: 'a prefix such as 198.18.0.0/15',
      });
    }
    const { first, last } = ipv4Range(cidr);
    const size = last - first + 1;
    if (size < smallest) {
      throw new AppError('FAKE_IP_RANGE_TOO_SMALL', `the fake-IP range ${text} has ${size} addresses`, {
        expected: `at least ${smallest} addresses (a /28); a /15 is usual`,
      });
    }
    if (size > largest) {
      throw new AppError('CONFIG_INVALID', `the fake-IP range ${text} is larger than a /8`, {
        expected: 'a /8 or less',
      });
    }
    this.#first = first;
    this.#last = last;
    this.text = `${numberToIpv4(first)}/${cidr.prefix}`;
    this.networkAddress = numberToIpv4(first);
    this.tunAddress = numberToIpv4(first + 1);
    this.dnsAddress = numberToIpv4(first + 2);
    this.capacity = size - reservedFirst - reservedLast;
  }

  /** Whether an address lies in the prefix, the reserved ones included. */
  contains(ip: Ip): boolean {
    if (ipFamily(ip) !== 4) return false;
    const value = ipv4ToNumber(ip);
    return value >= this.#first && value <= this.#last;
  }

  /** Whether the two have addresses in common. */
  overlaps(other: FakeIpRange): boolean {
    return this.#first <= other.#last && other.#first <= this.#last;
  }

  /** The slot of an address; undefined outside and for reserved ones. */
  slotOf(ip: Ip): number | undefined {
    if (ipFamily(ip) !== 4) return undefined;
    const slot = ipv4ToNumber(ip) - this.#first - reservedFirst;
    return slot >= 0 && slot < this.capacity ? slot : undefined;
  }

  addressOf(slot: number): Ip {
    return numberToIpv4(this.numberOf(slot));
  }

  /** The same as an unsigned 32-bit number. */
  numberOf(slot: number): number {
    return this.#first + reservedFirst + slot;
  }
}
