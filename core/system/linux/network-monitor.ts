/**
 * Knows the machine's addresses and main-table routes, keeps them current, and tells when they, or the policy routing of other
 * programs, have changed.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { type Ip, ipFamily } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';
import { Emitter, type Listener } from '../../base/emitter.ts';
import type { Logger } from '../../base/logger.ts';
import { SerialQueue } from '../../base/serial-queue.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { MachineNetwork, PolicyEvent } from '../machine-network.ts';
import { type NetworkSnapshot, RouteTable } from '../route-table.ts';
import { readNetworkSnapshot } from './network-snapshot.ts';
import { routeTable, ruleProtocol } from './routes/route-plan.ts';

export interface NetworkMonitorOptions {
  readonly runner: CommandRunner;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells our TUN, whose addresses, routes and events do not count. Asked anew at each use. */
  readonly isOwn: (device: string) => boolean;
  /** `/proc/sys/net/ipv6/conf`; tests have others. */
  readonly ipv6Settings?: string;
}

/** Events come in bursts; at most one look a second, and the last event is never lost. */
const debounceMs = 1_000;
/** Rules of others come several at a time; the first of them is told at once. */
const ruleDebounceMs = 100;
/** `ip monitor` ends when its socket overflows or it is killed: then it is started again. */
const restartMs = 1_000;

/** A policy rule as `ip -o monitor rule` shows it, e.g. `Deleted 5209:	not from all fwmark 0xca6c lookup 51820`; and one of ours. */
const rulePattern = /^(?:\[\w+\])?(?:Deleted )?\d+:\s+(?:not )?from /;
const deletedPattern = /^(?:\[\w+\])?Deleted /;
const ownTablePattern = new RegExp(`\\btable ${routeTable}\\b`);
const linkPattern = /^(?:\[\w+\])?(?:Deleted )?\d+: ([^:@\s]+)/;
const ownRulePattern = new RegExp(`\\bproto ${ruleProtocol}\\b`);

export class NetworkMonitor implements MachineNetwork {
  readonly #options: NetworkMonitorOptions;
  readonly #changed = new Emitter<NetworkSnapshot>();
  readonly #ownChanged = new Emitter<void>();
  readonly #ownRemoved = new Emitter<void>();
  readonly #begun = new Emitter<PolicyEvent>();
  readonly #queue = new SerialQueue();
  #snapshot: NetworkSnapshot = { addresses: [], routes: [] };
  #table: RouteTable;
  #running = false;
  #stopLines: (() => void) | undefined;
  #cancelRefresh: (() => void) | undefined;
  #refreshAt = 0;
  /** Rules of others, or routes of their tables, have changed since listeners were told. */
  #policyChanged = false;
  /** Until when (monotonic milliseconds) rules, or routes, of others that change are of a burst that was told. */
  readonly #burstEnds = { rule: 0, route: 0 };
  /** A burst of routes was told, and has not been looked at. */
  #routesTold = false;
  #cancelRestart: (() => void) | undefined;

  constructor(options: NetworkMonitorOptions) {
    this.#options = options;
    this.#table = new RouteTable(this.#snapshot, options.isOwn);
  }

  /** Resolves when routes are known; rejects with `SYSTEM_COMMAND_FAILED` when they cannot be read. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#listen();
    try {
      await this.refresh();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#stopLines?.();
    this.#cancelRefresh?.();
    this.#cancelRestart?.();
    this.#stopLines = undefined;
    this.#cancelRefresh = undefined;
    this.#cancelRestart = undefined;
  }

  /** Called with the new snapshot after addresses, routes or rules other than our own have changed. Returns the removal. */
  onChange(listener: Listener<NetworkSnapshot>): () => void {
    return this.#changed.on(listener);
  }

  /** Called when our own device, table or rules, or any device, may have been changed; at every event, our own too. */
  onOwnEvent(listener: () => void): () => void {
    return this.#ownChanged.on(listener);
  }

  /** Called at once when a rule of ours or a route of our table was removed, by ourselves too. Returns the removal. */
  onOwnRemoval(listener: () => void): () => void {
    return this.#ownRemoved.on(listener);
  }

  /**
   * Called at the first of several rules, or routes, of others that come or go, before they are looked at: until ours stand beside
   * them again, traffic may go around them, or be refused. `onChange` follows; of routes that are as before then, another call.
   */
  onPolicyEvent(listener: Listener<PolicyEvent>): () => void {
    return this.#begun.on(listener);
  }

  snapshot(): NetworkSnapshot {
    return this.#snapshot;
  }

  /** Interfaces with an IPv4 address, our TUN not among them. */
  devicesWithIpv4(): string[] {
    const own4 = this.#snapshot.addresses.filter(({ address }) => ipFamily(address) === 4);
    return [...new Set(own4.map(({ device }) => device))];
  }

  /** The default routes of the main table as text: equal when they are. */
  defaults(): string {
    return JSON.stringify(this.#snapshot.routes.filter(({ prefix }) => prefix.endsWith('/0')));
  }

  /** The interface that has an address, our TUN not among them. */
  deviceWith(address: Ip): string | undefined {
    return this.#snapshot.addresses.find((each) => each.address === address)?.device;
  }

  /** Implements `RouteView` of core/outbound/socket-opener.ts. */
  deviceFor(address: Ip): string | null | undefined {
    return this.#table.deviceFor(address);
  }

  /** Interface of the default route outside our TUN. */
  defaultDevice(family: 4 | 6): string | undefined {
    return this.#table.defaultDevice(family);
  }

  /** Whether a new interface gets IPv6 on this machine: the stack is there and not disabled (ip-sysctl). */
  ipv6Available(): boolean {
    const settings = this.#options.ipv6Settings ?? '/proc/sys/net/ipv6/conf';
    return ['all', 'default'].every((scope) => {
      try {
        return fs.readFileSync(join(settings, scope, 'disable_ipv6'), 'utf8').trim() === '0';
      } catch {
        return false;
      }
    });
  }

  /** Reads everything now; listeners are told when it differs. */
  refresh(): Promise<void> {
    return this.#queue.run(async () => {
      const { isOwn, logger, runner } = this.#options;
      const all = await readNetworkSnapshot(runner);
      const before = JSON.stringify(this.#snapshot);
      this.#snapshot = {
        addresses: all.addresses.filter((address) => !isOwn(address.device)),
        routes: all.routes.filter((route) => route.device === null || !isOwn(route.device)),
      };
      // Own addresses stay reachable, the TUN's too.
      this.#table = new RouteTable({ addresses: all.addresses, routes: this.#snapshot.routes }, isOwn);
      const policyChanged = this.#policyChanged;
      this.#policyChanged = false;
      const routesTold = this.#routesTold;
      this.#routesTold = false;
      if (JSON.stringify(this.#snapshot) === before && !policyChanged) {
        // What came and went within the burst was told at its first half only.
        if (routesTold) this.#begun.emit('route');
        return;
      }
      logger.info('network', {
        default4: this.defaultDevice(4) ?? 'none',
        default6: this.defaultDevice(6) ?? 'none',
        addresses: this.#snapshot.addresses.length,
        routes: this.#snapshot.routes.length,
      });
      this.#changed.emit(this.#snapshot);
    });
  }

  #listen(): void {
    const { clock, logger, runner } = this.#options;
    this.#stopLines = runner.spawnLines(
      'ip',
      ['-o', 'monitor', 'link', 'address', 'route', 'rule'],
      (line) => this.#onLine(line),
      () => {
        this.#stopLines = undefined;
        if (!this.#running) return;
        logger.warning('"ip monitor" ended and is started again');
        this.#cancelRestart = clock.after(restartMs, () => {
          this.#listen();
          this.#plan();
        });
      },
    );
  }

  #onLine(line: string): void {
    if (line.trim() === '') return;
    const isRule = rulePattern.test(line);
    const isOurs = isRule ? ownRulePattern.test(line) : ownTablePattern.test(line);
    const link = isRule ? undefined : linkPattern.exec(line)?.[1];
    const device = isRule ? undefined : (/(?:^|\s)dev (\S+)/.exec(line)?.[1] ?? link);
    const isOwnDevice = device !== undefined && this.#options.isOwn(device);
    // Our device under another name looks like one of others.
    if (isOurs || isOwnDevice || link !== undefined) this.#ownChanged.emit();
    if (isOurs && deletedPattern.test(line)) this.#ownRemoved.emit();
    if (isOurs || isOwnDevice) return;
    const table = /\btable (\S+)/.exec(line)?.[1];
    if (isRule || (table !== undefined && table !== 'local')) this.#policyChanged = true;
    if (isRule) this.#tell('rule', ruleDebounceMs);
    else if (link === undefined && table !== 'local') this.#tell('route', debounceMs);
    this.#plan(isRule ? ruleDebounceMs : debounceMs);
  }

  #tell(event: PolicyEvent, burstMs: number): void {
    const now = this.#options.clock.monotonic();
    const isFirst = now >= this.#burstEnds[event];
    this.#burstEnds[event] = now + burstMs;
    if (event === 'route') this.#routesTold = true;
    if (isFirst) this.#begun.emit(event);
  }

  /** A nearer time takes the place of a later one. */
  #plan(ms = debounceMs): void {
    if (!this.#running) return;
    const at = this.#options.clock.monotonic() + ms;
    if (this.#cancelRefresh !== undefined && this.#refreshAt <= at) return;
    this.#cancelRefresh?.();
    this.#refreshAt = at;
    this.#cancelRefresh = this.#options.clock.after(ms, () => {
      this.#cancelRefresh = undefined;
      this.refresh().catch((error: unknown) => {
        this.#options.logger.warning('the network could not be read', { error: String(error) });
        this.#plan();
      });
    });
  }
}
