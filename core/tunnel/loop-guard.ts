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
  /** The processes that hold a TCP socket listening at this address and port, or at its wildcard. */
  findListeners(address: string, port: number): Promise<readonly ProcessInfo[]>;
  /** Parent of a process, 0 when it is gone. */
  parentOf(pid: number): number;
}

/** Long enough for a page's burst of connections, short enough for a proxy that was just restarted. */
const listenersTtlMs = 2000;
const maxAncestors = 32;

export class ProcessLoopGuard implements LoopGuard {
  readonly #system: LoopGuardSystem;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, { readonly until: number; readonly found: Promise<readonly ProcessInfo[]> }>();

  constructor(system: LoopGuardSystem, clock: Clock) {
    this.#system = system;
    this.#clock = clock;
  }

  async isProxyProcess(process: ProcessInfo, proxies: readonly Endpoint[]): Promise<boolean> {
    const found = await Promise.all(proxies.map((proxy) => this.#listenersAt(proxy)));
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

  #listenersAt({ host, port }: Endpoint): Promise<readonly ProcessInfo[]> {
    const key = formatEndpoint({ host, port });
    const now = this.#clock.monotonic();
    const known = this.#listeners.get(key);
    if (known !== undefined && known.until > now) return known.found;
    const found = this.#system.findListeners(host, port).catch(() => []);
    this.#listeners.set(key, { until: now + listenersTtlMs, found });
    for (const [old, { until }] of this.#listeners) if (until <= now) this.#listeners.delete(old);
    return found;
  }
}

/** Socket activation: the manager holds the port, and every program of the session descends from it. */
function isServiceManager({ pid, name }: ProcessInfo): boolean {
  return pid <= 1 || name === 'systemd';
}
