/** The machine's network as it is without our TUN, kept current while started. An operating system implements it. */
import type { Ip } from '../base/address.ts';

/** What of others has changed. */
export type PolicyEvent = 'rule' | 'route';

export interface MachineNetwork {
  /** Resolves when routes are known; rejects with `SYSTEM_COMMAND_FAILED` when they cannot be read. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether a new interface gets IPv6. */
  ipv6Available(): boolean;
  /** Interfaces with an IPv4 address. */
  devicesWithIpv4(): string[];
  /** The interface that has an address. */
  deviceWith(address: Ip): string | undefined;
  /** The interface that leads to an address; null where none may be used, undefined when there is no way. */
  deviceFor(address: Ip): string | null | undefined;
  /** The default routes as text: equal when they are. */
  defaults(): string;
  onChange(changed: () => void): () => void;
  /** At once, at the first of several policy rules, or routes, of others that come or go. */
  onPolicyEvent(changed: (event: PolicyEvent) => void): () => void;
  /** Something of our own, or any device, may have been changed. */
  onOwnEvent(changed: () => void): () => void;
  /** At once: a rule or route of ours was removed, by ourselves too. */
  onOwnRemoval(removed: () => void): () => void;
}
