/**
 * Finds flows of proxies that run on this machine (ssh -D, another client): the process that listens on a configured
 * proxy's port, or a child of it. Such a flow must go DIRECT, or it would be sent to itself for ever.
 */
import { formatEndpoint } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint, ProcessInfo } from '../contract/flow.ts';

export interface LoopGuard {
  /** Whether a process serves one of these proxies (all on this machine). Never rejects. */
  isProxyProcess(process: ProcessInfo, proxies: readonly Endpoint[]): Promise<boolean>;
}

export interface LoopGuardSystem {
  /** The processes that hold a listening TCP socket, or a UDP socket without a peer, at this address and port, or at its wildcard. */
  findListeners(address: string, port: number): Promise<readonly ProcessInfo[]>;
  /** Parent of a process, 0 when it is gone. */
  parentOf(pid: number): number;
}

/** For which a process is not looked for again: long enough for a page's burst of connections. */
const knownMs = 2000;
const maxAncestors = 32;

/** What listened at a proxy's address when a process was looked for that was not known. */
interface Listeners {
  readonly found: Promise<readonly ProcessInfo[]>;
  /** The processes whose flows were judged by `found` or by what was found before it, each until a time. */
  readonly known: Map<number, number>;
}

export class ProcessLoopGuard implements LoopGuard {
  readonly #system: LoopGuardSystem;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, Listeners>();

  constructor(system: LoopGuardSystem, clock: Clock) {
    this.#system = system;
    this.#clock = clock;
  }

  async isProxyProcess(process: ProcessInfo, proxies: readonly Endpoint[]): Promise<boolean> {
    const found = await Promise.all(proxies.map((proxy) => this.#listenersAt(proxy, process.pid)));
    const listeners = found.flat();
    if (listeners.some(({ pid }) => pid === process.pid)) return true;
    const parents = new Set(listeners.filter((listener) => !isServiceManager(listener)).map(({ pid }) => pid));
    return parents.size > 0 && this.#descendsFrom(process.pid, parents);
  }

  #descendsFrom(pid: number, parents: ReadonlySet<number>): boolean {
    let ancestor = pid;
    for (let depth = 0; depth < maxAncestors; depth++) {
      ancestor = this.#system.parentOf(ancestor);
      if (ancestor <= 1) return false;
      if (parents.has(ancestor)) return true;
    }
    return false;
  }

  /** A process that is new here asks anew: it may be a proxy that has only just begun to listen, or a child of one. */
  #listenersAt({ host, port }: Endpoint, pid: number): Promise<readonly ProcessInfo[]> {
    const key = formatEndpoint({ host, port });
    const now = this.#clock.monotonic();
    this.#forget(now);
    const listeners = this.#listeners.get(key);
    if (listeners?.known.has(pid)) return listeners.found;
    const found = this.#system.findListeners(host, port).catch(() => []);
    const known = listeners?.known ?? new Map<number, number>();
    this.#listeners.set(key, { found, known: known.set(pid, now + knownMs) });
    return found;
  }

  #forget(now: number): void {
    for (const [key, { known }] of this.#listeners) {
      for (const [pid, until] of known) {
        if (until > now) break; // in the order in which they were asked for
        known.delete(pid);
      }
      if (known.size === 0) this.#listeners.delete(key);
    }
  }
}

/** Socket activation: the manager holds the port, and every program of the session descends from it. */
export function isServiceManager({ pid, name }: ProcessInfo): boolean {
  return pid <= 1 || name === 'systemd';
}
