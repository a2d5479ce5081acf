/** What the addon tells of this machine and does to it, beside the engine: routes, processes, sockets. Part of `index.d.ts`. */
import type { NativeEndpoint } from './index.d.ts';

/** An outward UDP socket, bound to a random port, `device` (null = unbound) and `mark`. The descriptor is the caller's. */
export function openUdp(family: 4 | 6, device: string | null, mark: number): number;

/** Kernel credentials of the other end of a connected Unix socket (SO_PEERCRED, unix(7)). */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number };

/** The way of a packet: `local` = it stays on this machine; `device` = the interface; `source` = the address it is sent from. */
export interface NativeRoute {
  local: boolean;
  device: string;
  source?: string;
}

/**
 * Asks the kernel for the way of a packet with a mark, by its rules and tables, whoever made them (RTM_GETROUTE, rtnetlink(7)).
 * `network` with `port`, and `uid` (the socket's user), are for rules that look at them. `null` when there is no way, or one
 * that says unreachable. The answer is kept until the kernel tells of a change (link, address, route or rule). Throws ETIMEDOUT
 * where the kernel answers about IPv4 only when others have let go of its RTNL mutex (before Linux 6.18): after 20 ms, and at once
 * while an earlier question goes on waiting.
 */
export function findRoute(
  destination: string,
  mark: number,
  network?: 'tcp' | 'udp' | 'icmp',
  port?: number,
  uid?: number,
): NativeRoute | null;

/**
 * Whether rules of routing look at users or source ports (ip-rule(8)): some programs may have a way where we have none. So it is
 * while the kernel does not say.
 */
export function rulesLookAtSenders(): boolean;

/**
 * The address of this machine from which a packet with a mark would leave; the destination itself when it is this machine's.
 * `null` when there is no way. Never waits for the RTNL mutex.
 */
export function sourceTowards(destination: string, mark: number): string | null;

/**
 * Where what was sent from `local` to `remote` has really gone by NAT of this machine, as its connection tracking has it; `null` where
 * that is `remote`, or cannot be told.
 */
export function natTarget(network: 'tcp' | 'udp', local: NativeEndpoint, remote: NativeEndpoint): NativeEndpoint | null;

export interface NativeProcess {
  pid: number;
  uid: number;
  name: string; // /proc/PID/comm
  path: string; // /proc/PID/exe, "" if it cannot be read
}

/**
 * The process that owns the local end of a connection: one exact INET_DIAG request, then inode to pid among that uid's
 * processes (sock_diag(7), proc(5)). `null` when it cannot be told within 500 ms. Never blocks the JavaScript thread.
 */
export function findProcess(
  network: 'tcp' | 'udp',
  source: NativeEndpoint,
  destination: NativeEndpoint,
): Promise<NativeProcess | null>;

/** The user (uid) of the socket at the local end `source`: one exact INET_DIAG request (sock_diag(7)); -1 when it cannot be told. */
export function socketUid(network: 'tcp' | 'udp', source: NativeEndpoint, destination: NativeEndpoint): number;

/** The processes that hold a TCP socket listening at exactly this address and port, or at its wildcard, or such a UDP socket without a peer. */
export function findListeners(address: string, port: number): Promise<NativeProcess[]>;

/**
 * From now on sockets that these processes make, and no others, have this mark (SO_MARK) from the beginning; nobody's when the list
 * is empty, and when this process ends. Throws where the kernel has no bpf(2) for cgroups.
 */
export function spareProcesses(pids: number[], mark: number): void;

/** Parent of a process, 0 when gone. */
export function parentOf(pid: number): number;

/**
 * Destroys the TCP and UDP sockets of this network namespace of which an end, local or remote, is inside one of `prefixes`,
 * unless the remote one is inside one of `spared` (SOCK_DESTROY, sock_diag(7)); listening and TIME-WAIT ones stay. Returns how
 * many; 0 where the kernel cannot.
 */
export function destroySockets(prefixes: string[], spared: string[]): number;

/** Gives memory that was freed back to the kernel, on a thread of its own. */
export function trimMemory(): void;
