/**
 * The one decision about a question: by its name and type, which way it goes. The router carries it out, the fast path keeps
 * `fake` ones for as long as `revision` stays. Asks nobody itself.
 */
import { isWithinDomain } from '../../base/domain.ts';
import { specialUseOf } from '../../base/special-names.ts';
import { unreachable } from '../../base/unreachable.ts';
import type { DnsMode } from '../../contract/dns-config.ts';
import type { PolicyWay } from '../../contract/flow.ts';
import type { FakeIpFilter } from '../names/filter.ts';
import type { HostTable } from '../names/hosts.ts';
import type { MissingNames } from '../names/missing-names.ts';
import type { NetworkNames, Standing } from '../names/network-names.ts';
import type { SearchTries } from '../names/search-tries.ts';

/**
 * - `blocked`: not to exist, by our choice
 * - `loopback`, `empty`, `absent`: answered here, see `base/special-names.ts`
 * - `network`: the network's own servers; the answer is real
 * - `unsettled`: whether it is the network's must be found out first (`NetworkNames.isOwn`)
 * - `real`: the usual servers; the answer is real
 * - `remote`: servers behind this outbound alone, because the name goes there
 * - `refused`: it goes to an outbound behind which nobody can be asked
 * - `checked`: a fake address, unless it is found not to exist
 * - `fake`: a fake address at once
 */
export type Way = { readonly kind: Exclude<WayKind, 'remote'> } | { readonly kind: 'remote'; readonly tag: string };
type WayKind =
  | 'blocked'
  | 'loopback'
  | 'empty'
  | 'absent'
  | 'network'
  | 'unsettled'
  | 'real'
  | 'remote'
  | 'refused'
  | 'checked'
  | 'fake';

/** What the rules say about a name, whatever connection comes to it. */
export interface NamePolicies {
  /** Of a normalised name. */
  of(name: string): NamePolicy;
  /** Grows when `of` may say something else than before: another choice has been made of where a policy leads. */
  readonly revision: number;
}

export interface NamePolicy {
  /** Every connection goes DIRECT, on whatever port and from whatever program. */
  readonly surelyDirect: boolean;
  /** Where it goes unless a rule on a port or an address comes first. */
  readonly way: PolicyWay;
  /** Tag of the outbound that it goes to then. */
  readonly tag: string;
  /** Whether connections to it may go by the outbound of this tag, on some port or from some program. */
  mayTake(tag: string): boolean;
  /** Whether a rule about names decides that. */
  readonly named: boolean;
}

/** Fake addresses or real ones: what a person chose, else what the configuration says. */
export interface DnsModeNow {
  readonly current: DnsMode;
  /** Grows when `current` is another one. */
  readonly revision: number;
}

export interface NameWaysOptions {
  readonly mode: DnsModeNow;
  /** Whether names that do not exist are told so. */
  readonly truthful: boolean;
  readonly blockDoh: boolean;
  readonly hosts: HostTable;
  readonly filter: FakeIpFilter;
  readonly network: NetworkNames;
  readonly missing: MissingNames;
  readonly tries: SearchTries;
  readonly policies: NamePolicies;
  /** Whether nameserver-policy says who answers a name; and whether it says what the answer is. */
  readonly hasServers: (name: string) => boolean;
  readonly answersByCode: (name: string) => boolean;
}

/** Answering it with NXDOMAIN asks Firefox to leave its own DNS over HTTPS off. */
const dohCanary = 'use-application-dns.net';
/** Servers that browsers ask around the system's DNS. */
const publicDohHosts: ReadonlySet<string> = new Set([
  'cloudflare-dns.com',
  'chrome.cloudflare-dns.com',
  'mozilla.cloudflare-dns.com',
  'one.one.one.one',
  'dns.google',
  'dns.quad9.net',
  'doh.opendns.com',
  'dns.nextdns.io',
  'dns.adguard-dns.com',
  'doh.cleanbrowsing.org',
  'dns.alidns.com',
  'doh.pub',
  'dns.sb',
]);
/** Types whose answers lead to addresses: only they concern hosts and fake addresses. */
const addressTypes: ReadonlySet<string> = new Set(['A', 'AAAA', 'HTTPS', 'SVCB', 'ANY']);

export function isAddressType(type: string): boolean {
  return addressTypes.has(type);
}

export class NameWays {
  readonly #options: NameWaysOptions;

  constructor(options: NameWaysOptions) {
    this.#options = options;
  }

  /** Grows when a way may be another one than before. */
  get revision(): number {
    const { missing, hosts, network, policies, mode } = this.#options;
    return missing.revision + hosts.revision + network.revision + policies.revision + mode.revision;
  }

  /**
   * The way of a question for a normalised name that hosts do not answer, or at which their aliases end; the root is empty.
   * `standing`: what was found out about whose name it is.
   */
  of(name: string, type: string, standing: Standing = this.#standingOf(name)): Way {
    const { filter, mode, blockDoh } = this.#options;
    if (name === dohCanary || (blockDoh && publicDohHosts.has(name))) return { kind: 'blocked' };
    return (
      this.#specialWay(name, standing) ?? this.#networkWay(standing) ?? this.#askedWay(name, type, filter, mode.current)
    );
  }

  #standingOf(name: string): Standing {
    const { network, tries } = this.#options;
    // What a resolver makes of a name that was denied is no name of the network either.
    return specialUseOf(name) !== 'network' && tries.includes(name) ? 'other' : network.standing(name);
  }

  #specialWay(name: string, standing: Standing): Way | undefined {
    const { hosts, hasServers, policies } = this.#options;
    const use = specialUseOf(name);
    if (use === 'loopback' || use === 'empty') return { kind: use };
    if (use === 'ordinary') return undefined;
    if (hasServers(name)) return { kind: 'real' };
    const isUsed = use === 'unless-configured' && (standing !== 'other' || policies.of(name).named);
    if (use === 'network' || isUsed) return undefined;
    // A name that has its addresses in hosts exists for every type (RFC 8020).
    return { kind: hosts.has(name) ? 'empty' : 'absent' };
  }

  #networkWay(standing: Standing): Way | undefined {
    switch (standing) {
      case 'own':
        return { kind: 'network' };
      case 'unsure':
      case 'unknown':
        return { kind: 'unsettled' };
      case 'other':
        return undefined;
      default:
        return unreachable(standing);
    }
  }

  /** Of a name that is neither special nor the network's. */
  #askedWay(name: string, type: string, filter: FakeIpFilter, mode: DnsMode): Way {
    const { hasServers, policies, truthful, missing, tries, network } = this.#options;
    const isReal = mode === 'redir-host' || filter.keepsReal(name) || this.#options.answersByCode(name);
    if (name === '' || isReal) return { kind: 'real' };
    const policy = policies.of(name);
    if (!isAddressType(type) || !mayBeDialled(name)) {
      if (policy.way === 'direct' || hasServers(name)) return { kind: 'real' };
      return policy.way === 'proxied' ? { kind: 'remote', tag: policy.tag } : { kind: 'refused' };
    }
    const denier = missing.suspected(name);
    const isSuspect = denier !== undefined && policy.mayTake(denier);
    const isDoubtful = policy.surelyDirect || isSuspect || tries.includes(name) || network.mayBeExpanded(name);
    return { kind: truthful && isDoubtful ? 'checked' : 'fake' };
  }
}

/** Whether a proxy could be asked for it: not with escaped bytes in a label, and no name of the reverse tree. */
function mayBeDialled(name: string): boolean {
  return !name.includes('\\') && !isWithinDomain(name, 'arpa');
}
