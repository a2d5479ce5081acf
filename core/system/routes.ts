/** How traffic is brought into the TUN: what is wanted, said declaratively. Implementations live in per-OS files. */
import type { Ip } from '../base/address.ts';

/** An IP version. */
export type Family = 4 | 6;

export interface RouteConfig {
  /** What enters the TUN: all but the exceptions, or only what goes to a fake address (our DNS server has one too). */
  readonly capture: 'everything' | 'fake-ranges';
  /** The TUN interface, up, with its addresses. */
  readonly device: string;
  readonly tunAddress4: Ip;
  /** SO_MARK of our own sockets, which never enter the TUN. */
  readonly mark: number;
  /** Interfaces that a program may bind a socket to instead: those with an IPv4 address. Ours and `lo` do not count. */
  readonly otherDevices: readonly string[];
  /** The TUN's own IPv6 prefix, e.g. `fdfe:dcba:9876::/126`; needed when `ipv6` is true. */
  readonly tunPrefix6?: string;
  /** Prefixes of fake addresses: the one in use and the retired ones that programs may still remember. */
  readonly fakeRanges: readonly string[];
  /** Prefixes (both families) that never enter the TUN. */
  readonly exclude: readonly string[];
  /** Whether IPv6 is captured too; false on machines without it. */
  readonly ipv6: boolean;
  /** Whether what leaves around the TUN all the same is refused (`tun.strict-route`); only while everything is captured. */
  readonly strict: boolean;
  /** Redirects of others are kept from what enters the TUN; with `relays` from our own questions to servers elsewhere, too. */
  readonly unredirected?: { readonly relays: boolean } | undefined;
  /** SO_MARK of programs' sockets that `strict` lets pass; routing is as without it. */
  readonly sparedMark: number;
}

export interface Routes {
  /**
   * Makes the machine's routing as wanted; undefined removes everything of ours. Idempotent: what is missing is added,
   * what is no longer wanted removed, the rest left alone. Rejects with `SYSTEM_ROUTES_FAILED` (a failed first `apply`
   * leaves nothing behind) or `SYSTEM_JOURNAL_FAILED` (nothing was changed).
   */
  apply(wanted: RouteConfig | undefined): Promise<void>;
  /** How many of the entries that were applied last the kernel has not any more. Rejects with `SYSTEM_COMMAND_FAILED`. */
  missing(): Promise<number>;
  /**
   * Adds what the kernel has not any more of the entries that were applied last, without looking first, and returns how many. What
   * cannot be added now is left to `apply`. Rejects with `SYSTEM_COMMAND_FAILED` when that cannot be told.
   */
  putBack(): Promise<number>;
  /** Called when something of ours outside the routing tables may have been removed, by ourselves too. Returns the removal. */
  onDisturbed(listener: () => void): () => void;
}
