/**
 * Which names of the internet never get a fake address: those that only the real answer helps (connectivity checks, NTP, STUN,
 * consoles, router portals, overlay networks). Names of the network and special ones are `NameWays`' concern.
 */
import { AppError } from '../../base/app-error.ts';
import { comparableDomain, DomainTrie, isWithinDomain } from '../../base/domain.ts';
import { unreachable } from '../../base/unreachable.ts';
import type { FakeIpFilterConfig } from '../../contract/dns-config.ts';
import { setNameOf } from '../../contract/sets.ts';
import { type NameSets, noNameSets } from './name-sets.ts';

/** Always filtered, beside what the configuration adds. */
export const builtInFilter: readonly string[] = [
  // Connectivity checks and captive portals
  '+.msftncsi.com',
  '+.msftconnecttest.com',
  'captive.apple.com',
  'gsp1.apple.com',
  'connectivitycheck.gstatic.com',
  'connectivitycheck.android.com',
  'detectportal.firefox.com',
  'connectivity-check.ubuntu.com',
  'network-test.debian.org',
  'nmcheck.gnome.org',
  'networkcheck.kde.org',
  'ping.archlinux.org',
  'connect.rom.miui.com',
  'connectivitycheck.platform.hicloud.com',
  // Time
  '+.pool.ntp.org',
  'ntp.*.com',
  'time.*.com',
  'time1.*.com',
  'time2.*.com',
  'time3.*.com',
  'time4.*.com',
  'time.*.gov',
  '+.ntp.org.cn',
  // STUN
  'stun.*',
  '+.stun.*.*',
  '+.stun.*.*.*',
  '+.stun.*.*.*.*',
  // Consoles
  '+.srv.nintendo.net',
  '+.cdn.nintendo.net',
  '+.xboxlive.com',
  'xbox.*.microsoft.com',
  'xbox.*.*.microsoft.com',
  '+.stun.playstation.net',
  // Overlay networks
  '+.tailscale.com',
  '+.tailscale.io',
  '+.ts.net',
  '+.zerotier.com',
  // Router portals
  '+.routerlogin.com',
  '+.routerlogin.net',
  '+.tplinkwifi.net',
  '+.tplogin.cn',
  '+.miwifi.com',
  '+.asusrouter.com',
  'router.asus.com',
  'melogin.cn',
  'speedport.ip',
  'orbilogin.com',
  'my.keenetic.net',
];

export class FakeIpFilter {
  /** Always real. */
  readonly #real = new DomainTrie<true>();
  /** The list of a whitelist. */
  readonly #faked = new DomainTrie<true>();
  readonly #config: FakeIpFilterConfig;
  readonly #sets: NameSets;
  /** Those of the configuration, their payloads as names are compared. */
  readonly #rules: readonly FilterRule[];

  /**
   * The built-in names are real in every mode, and so are `own` names (of our upstream servers and proxies). Throws
   * CONFIG_INVALID with the entry named: a filter is never half in force.
   */
  constructor(config: FakeIpFilterConfig, own: readonly string[] = [], sets: NameSets = noNameSets) {
    this.#config = config;
    this.#sets = sets;
    for (const pattern of [...builtInFilter, ...own]) add(this.#real, pattern);
    if (config.mode === 'blacklist') for (const pattern of config.patterns) add(this.#real, pattern);
    if (config.mode === 'whitelist') for (const pattern of config.patterns) add(this.#faked, pattern);
    this.#rules = config.mode === 'rule' ? config.rules.map(compared) : [];
  }

  /** Whether a normalised name gets its real answer. */
  keepsReal(name: string): boolean {
    if (this.#real.lookup(name) === true) return true;
    const config = this.#config;
    switch (config.mode) {
      case 'blacklist':
        return this.#isInSets(config.sets, name);
      case 'whitelist':
        return this.#faked.lookup(name) !== true && !this.#isInSets(config.sets, name);
      case 'rule': {
        const compared = comparableDomain(name);
        return this.#rules.find((rule) => hits(rule, compared, this.#sets))?.answer === 'real-ip';
      }
      default:
        return unreachable(config);
    }
  }

  #isInSets(sets: readonly string[] | undefined, name: string): boolean {
    return sets?.some((set) => this.#sets.has(set, name)) === true;
  }
}

type FilterRule = Extract<FakeIpFilterConfig, { mode: 'rule' }>['rules'][number];

function compared(rule: FilterRule): FilterRule {
  const { type, payload } = rule;
  if (type === 'GEOSITE' || type === 'RULE-SET') return rule;
  return { ...rule, payload: type === 'DOMAIN-KEYWORD' ? payload.toLowerCase() : comparableDomain(payload) };
}

function hits({ type, payload }: FilterRule, name: string, sets: NameSets): boolean {
  switch (type) {
    case 'DOMAIN':
      return name === payload;
    case 'DOMAIN-SUFFIX':
      return isWithinDomain(name, payload);
    case 'DOMAIN-KEYWORD':
      return name.includes(payload);
    case 'GEOSITE':
    case 'RULE-SET':
      return sets.has(setNameOf(type, payload), name);
    case 'MATCH':
      return true;
    default:
      return unreachable(type);
  }
}

function add(trie: DomainTrie<true>, pattern: string): void {
  const problem = trie.insert(pattern, true);
  if (problem !== undefined) throw new AppError('CONFIG_INVALID', `fake-ip-filter: "${pattern}": ${problem}`);
}
