/** Names with answers of their own: addresses, or another name to go on with. The configuration's `hosts`, then the machine's. */
import { type Ip, parseIp } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import { comparableDomain, DomainTrie } from '../../base/domain.ts';
import type { SystemHosts } from './system-hosts.ts';

export type HostEntry =
  | { readonly kind: 'addresses'; readonly addresses: readonly Ip[] }
  | { readonly kind: 'alias'; readonly target: string };

/** The names that lead from the asked one to the end of its aliases, and what is there: undefined = the table knows no more. */
export interface HostChain {
  /** The last one is what `addresses` belong to, or what is to be answered in another way. */
  readonly names: readonly string[];
  readonly addresses?: readonly Ip[];
}

const longestChain = 8;

export class HostTable {
  readonly #entries = new DomainTrie<HostEntry>();
  readonly #system: SystemHosts | undefined;

  /** Patterns of `core/base/domain.ts`. Throws CONFIG_INVALID with the entry named, also for aliases in a circle. */
  constructor(hosts: Readonly<Record<string, readonly string[] | string>>, system?: SystemHosts) {
    this.#system = system;
    const targets: string[] = [];
    for (const [pattern, value] of Object.entries(hosts)) {
      const entry = readEntry(pattern, value);
      if (entry.kind === 'alias') targets.push(entry.target);
      const problem = this.#entries.insert(pattern, entry);
      if (problem !== undefined) throw new AppError('CONFIG_INVALID', `hosts: "${pattern}": ${problem}`);
    }
    for (const target of targets) this.#follow(target, longestChain - 1);
  }

  /** Whether the table knows a normalised name. */
  has(name: string): boolean {
    return this.#lookup(name) !== undefined;
  }

  /** Grows when a name may have come or gone. */
  get revision(): number {
    return this.#system?.revision ?? 0;
  }

  /** The name of an address in the machine's own file. */
  nameOf(address: Ip): string | undefined {
    return this.#system?.nameOf(address);
  }

  /**
   * Follows a normalised name; undefined when the table does not know it. A wildcard whose target it covers itself ends
   * there. Throws CONFIG_INVALID when the way is too long, which the constructor cannot see for every wildcard.
   */
  follow(name: string): HostChain | undefined {
    return this.#follow(name, longestChain);
  }

  #follow(name: string, longest: number): HostChain | undefined {
    const names = [name];
    for (let current = name; ; ) {
      const entry = this.#lookup(current);
      if (entry === undefined) return names.length === 1 ? undefined : { names };
      if (entry.kind === 'addresses') return { names, addresses: entry.addresses };
      if (entry.target === current) return { names };
      current = entry.target;
      if (names.includes(current) || names.length === longest) {
        throw new AppError('CONFIG_INVALID', `hosts: the aliases of ${name} lead in a circle or too far`, {
          expected: `an end after at most ${longestChain} names`,
        });
      }
      names.push(current);
    }
  }

  #lookup(name: string): HostEntry | undefined {
    const entry = this.#entries.lookup(name);
    const addresses = entry === undefined ? this.#system?.lookup(name) : undefined;
    return addresses === undefined ? entry : { kind: 'addresses', addresses };
  }
}

function readEntry(pattern: string, value: readonly string[] | string): HostEntry {
  if (typeof value === 'string') {
    const address = parseIp(value);
    return address === undefined
      ? { kind: 'alias', target: comparableDomain(value) }
      : { kind: 'addresses', addresses: [address] };
  }
  const addresses = value.map((text) => {
    const address = parseIp(text);
    if (address === undefined) {
      throw new AppError('CONFIG_INVALID', `hosts: "${pattern}": "${text}" is no address`, {
        expected: 'a list of addresses, or one name',
      });
    }
    return address;
  });
  return { kind: 'addresses', addresses };
}
