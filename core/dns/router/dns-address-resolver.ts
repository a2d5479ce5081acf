/** Real addresses of a name, for rules that match on them and for outbounds that dial them. Never a fake one. */
import { type Ip, parseIp } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { within } from '../../base/deadline.ts';
import { normaliseDomain } from '../../base/domain.ts';
import { isLoopbackName } from '../../base/special-names.ts';
import { addressOf, type DnsMessage, isAboutTheName } from '../../net/dns-message.ts';
import type { AddressResolver } from '../../outbound/dialer.ts';
import type { HostTable } from '../names/hosts.ts';
import type { DnsAnswer, Resolver } from '../resolver/resolver.ts';

export interface DnsAddressResolverOptions {
  readonly resolver: Resolver;
  readonly hosts: HostTable;
  /** Whether this machine can reach IPv6 destinations now. */
  readonly ipv6: () => boolean;
  /** Whether an address is one of ours that names nothing outside; an upstream that answers such is not believed. */
  readonly isFake: (ip: Ip) => boolean;
  readonly clock: Clock;
  /** Whether a normalised name does not exist, which no server may be asked about. */
  readonly isAbsent: (name: string) => boolean;
  /** The names of the network that its search list makes of a single label; each is tried before the label itself. */
  readonly expand?: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
}

/** How long IPv6 addresses are waited for when there are IPv4 ones (RFC 8305 section 3). Milliseconds. */
const otherFamilyMs = 50;

/** Of `localhost` and what is below it, which no server may be asked (RFC 6761 section 6.3). */
const loopback: readonly Ip[] = ['127.0.0.1', '::1'];

export class DnsAddressResolver implements AddressResolver {
  readonly #options: DnsAddressResolverOptions;

  constructor(options: DnsAddressResolverOptions) {
    this.#options = options;
  }

  async resolve(name: string, signal: AbortSignal): Promise<Ip[]> {
    const literal = parseIp(name);
    if (literal !== undefined) return [literal];
    const chain = this.#options.hosts.follow(normaliseDomain(name));
    const wanted = chain?.names.at(-1) ?? normaliseDomain(name);
    const found = chain?.addresses ?? (isLoopbackName(wanted) ? loopback : await this.#askAll(wanted, signal));
    const ipv6 = this.#options.ipv6();
    const usable = found.filter((ip) => !this.#options.isFake(ip) && (ipv6 || !ip.includes(':')));
    if (usable.length === 0) throw new AppError('DIAL_NAME_NOT_FOUND', `${name} has no address`);
    return usable;
  }

  async #askAll(name: string, signal: AbortSignal): Promise<Ip[]> {
    if (this.#options.isAbsent(name)) return [];
    for (const full of (await this.#options.expand?.(name, signal)) ?? []) {
      const found = await this.#ask(full, signal);
      if (found.length > 0) return found;
    }
    return await this.#ask(name, signal);
  }

  async #ask(name: string, signal: AbortSignal): Promise<Ip[]> {
    const { resolver, ipv6, clock } = this.#options;
    const [a = none, aaaa = none] = (ipv6() ? ['A', 'AAAA'] : ['A']).map((type) =>
      outcomeOf(resolver.query({ name, type }, signal).then(understood)),
    );
    const old = await a;
    const hasAddress = old.status === 'fulfilled' && old.value !== undefined && addressesIn(old.value, name).length > 0;
    const outcomes = [old, hasAddress ? await within(clock, otherFamilyMs, aaaa, () => silent) : await aaaa];
    const addresses = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' && outcome.value !== undefined ? addressesIn(outcome.value, name) : [],
    );
    // One family is enough; without any, "I could not ask" must not be told as "there is none".
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (addresses.length === 0 && failed !== undefined) throw AppError.from(failed.reason, 'DNS_IO');
    return addresses;
  }
}

const silent: PromiseFulfilledResult<DnsMessage | undefined> = { status: 'fulfilled', value: undefined };
const none = Promise.resolve(silent);

async function outcomeOf(query: Promise<DnsMessage>): Promise<PromiseSettledResult<DnsMessage | undefined>> {
  return (await Promise.allSettled([query]))[0];
}

/** NOERROR and NXDOMAIN say something about the name; anything else is the server's trouble. */
function understood({ message, upstream }: DnsAnswer): DnsMessage {
  if (isAboutTheName(message)) return message;
  throw new AppError('DNS_IO', `${upstream} answered ${message.rcode}`);
}

/** Addresses that belong to the name or to an alias of it, as the answer itself says. */
function addressesIn(message: DnsMessage, name: string): Ip[] {
  const names = new Set([name]);
  for (const record of message.answers) {
    if (record.type === 'CNAME' && typeof record.data === 'string' && names.has(normaliseDomain(record.name))) {
      names.add(normaliseDomain(record.data));
    }
  }
  return message.answers.flatMap((record) => {
    const address = names.has(normaliseDomain(record.name)) ? addressOf(record) : undefined;
    return address === undefined ? [] : [address];
  });
}
