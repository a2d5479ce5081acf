/** Which DNS server the machine's programs ask: said declaratively. Implementations live in per-OS files. */
import type { Ip } from '../base/address.ts';
import type { ResolverOptions } from '../net/resolver-options.ts';

export interface DnsSettings {
  /** Our server, inside the TUN. */
  readonly server: Ip;
  /** Replaces the machine's own search list; that is kept if absent. */
  readonly search?: readonly string[];
}

export interface SystemDns {
  /**
   * Makes the machine ask our server; undefined puts back what was there, unless somebody changed it since. Idempotent.
   * While active, a foreign change is taken as the new "before" and our server is put back. Rejects with
   * `SYSTEM_DNS_FAILED` or `SYSTEM_JOURNAL_FAILED` (nothing was changed).
   */
  apply(wanted: DnsSettings | undefined): Promise<void>;
  /** The servers that are in use without us, in their order, link-local ones with their zone, never ours; empty when none are configured. */
  baseServers(): Promise<string[]>;
  /** How they are asked without us. */
  baseOptions(): Promise<ResolverOptions>;
  /** The domains that resolvers try behind a name, without us. */
  baseSearch(): Promise<string[]>;
  /** Calls back whenever one of these three has changed, by whomever, whether `apply`ed or not. Returns the end of it. */
  onBaseChange(changed: () => void): () => void;
}
