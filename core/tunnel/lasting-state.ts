/** What lives beside the graphs that a reload swaps: each is handed what of it is still true under its configuration. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { LastingDns } from '../dns/lasting-dns.ts';
import { AddressMemory } from '../dns/names/address-memory.ts';
import { MissingNames } from '../dns/names/missing-names.ts';
import { SearchList } from '../dns/names/search-list.ts';
import { type HostsFile, SystemHosts } from '../dns/names/system-hosts.ts';
import { LastingPolicies } from '../outbound/lasting-policies.ts';
import { KnownRules } from '../rule/known-rules.ts';
import type { SystemDns } from '../system/system-dns.ts';

export interface LastingServices {
  readonly hostsFile: HostsFile;
  /** What this machine's resolvers do without us. */
  readonly systemDns: Pick<SystemDns, 'baseSearch' | 'baseOptions'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class LastingState {
  /** Answers of servers, what is known of these, and the chosen DNS mode. */
  readonly dns = new LastingDns();
  /** Which names do not exist. */
  readonly missing: MissingNames;
  /** Which name a real address was answered for. */
  readonly memory: AddressMemory;
  readonly systemHosts: SystemHosts;
  readonly searchList: SearchList;
  /** What is chosen in groups. */
  readonly policies: LastingPolicies;
  /** What the rules have counted and which are switched off, as of the last reload. */
  knownRules = new KnownRules();

  constructor({ hostsFile, systemDns, clock, log }: LastingServices) {
    this.policies = new LastingPolicies(clock);
    this.missing = new MissingNames(clock);
    this.memory = new AddressMemory(clock);
    this.systemHosts = new SystemHosts(hostsFile, clock, log);
    this.searchList = new SearchList(async () => {
      const [domains, { ndots }] = await Promise.all([systemDns.baseSearch(), systemDns.baseOptions()]);
      return { domains, ndots };
    }, log);
  }
}
