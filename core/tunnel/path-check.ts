/**
 * Looks, from the start on and after every change, whether what programs send to a fake address comes to us and back, and whether a
 * firewall of this machine leads questions elsewhere. What can be mended is mended; the rest is a standing warning.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { CoalescedTask } from '../base/coalesced-task.ts';
import type { Logger } from '../base/logger.ts';
import type { Endpoint } from '../contract/flow.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { ServerPlaces } from '../dns/upstream/server-places.ts';
import type { Network } from '../flow/metadata.ts';
import type { HealthSink } from '../system/health-sink.ts';

/** Where a question to our DNS server came: to us and back, to somebody else, or nowhere. */
export type Arrival = 'here' | 'elsewhere' | 'lost';

export interface PathProbe {
  /** Asks our DNS server as a program of this machine does. Never rejects. */
  greet(server: Endpoint, network: Network): Promise<Arrival>;
  /** Where a question of ours to this server is led by NAT; undefined if nowhere else. Never rejects. */
  trace(server: Endpoint): Promise<Endpoint | undefined>;
  /** Whether a name is one that `greet` asks about now: our DNS server says that it is there, and nobody else would. */
  isOurs(name: string): boolean;
}

export interface PathCheckOptions {
  readonly probe: PathProbe;
  /** Our DNS server, and the range that its address is of. */
  readonly desk: () => { readonly server: Endpoint; readonly range: string };
  /** The servers elsewhere that are asked at the port of DNS. */
  readonly servers: () => Promise<readonly Endpoint[]>;
  readonly isLocal: (address: string) => boolean;
  readonly places: ServerPlaces;
  /** Servers are asked at other places from now on. */
  readonly onPlaces: () => void;
  /** `Unredirected` says something else than before. */
  readonly refresh: () => Promise<void>;
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What redirects of others are kept from; see `RouteConfig.unredirected`. */
export type Unredirected = { readonly relays: boolean } | undefined;

/** Firewalls tell nobody of their changes. Milliseconds. */
const againMs = 15_000;
/** While something is wrong, which a person may be about to mend. */
const troubledMs = 3_000;
/** After a change of the network, which comes in pieces. */
const settleMs = 500;
/** Before another try to keep a redirect off that is still there. */
const keepAgainMs = 60_000;
const blocked = 'FAKE_RANGE_BLOCKED';
const redirected = 'DNS_REDIRECTED';

export class PathCheck {
  readonly #options: PathCheckOptions;
  readonly #task = new CoalescedTask(() => this.#run());
  /** Of the time that it is on now; undefined while it is off. */
  #on: object | undefined;
  #cancel: (() => void) | undefined;
  #kept: Unredirected;
  #isTroubled = false;
  /** Looks in a row that found nothing arriving: one may have met a restart of the device. */
  #lost = 0;
  /** When the routes were renewed for it, by the steady clock. */
  #keptAt = 0;

  constructor(options: PathCheckOptions) {
    this.#options = options;
  }

  get unredirected(): Unredirected {
    return this.#kept;
  }

  /** Whether a name is one of this look, which is known to nobody else. */
  isOurs(name: string): boolean {
    return this.#options.probe.isOurs(name);
  }

  /** Enhanced Mode is on. */
  start(): void {
    if (this.#on !== undefined) return;
    this.#on = {};
    this.#task.demand();
  }

  /** What was found is no longer so, or nobody needs to know it. */
  stop(): void {
    if (this.#on === undefined) return;
    this.#on = undefined;
    this.#cancel?.();
    this.#kept = undefined;
    this.#lost = 0;
    this.#isTroubled = false;
    this.#options.health.clear(blocked);
    this.#options.health.clear(redirected);
    if (this.#options.places.replace([])) this.#options.onPlaces();
  }

  /** The network has changed: looks soon. */
  soon(): void {
    if (this.#on !== undefined) this.#after(settleMs);
  }

  #after(ms: number): void {
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(ms, () => this.#task.demand());
  }

  async #run(): Promise<void> {
    const on = this.#on;
    if (on === undefined) return;
    try {
      await this.#look(() => this.#on !== on);
    } catch (error) {
      this.#options.log.warning('where packets go cannot be looked at', { reason: AppError.from(error).message });
    }
    if (this.#on === on) this.#after(this.#isTroubled ? troubledMs : againMs);
  }

  async #look(isOver: () => boolean): Promise<void> {
    const relays = await this.#findPlaces(isOver);
    if (isOver()) return;
    let arrival = await this.#greet();
    // Once kept from it, a redirect is not seen any more: it stays so until off.
    const keep = this.#kept !== undefined || relays || arrival.came === 'elsewhere';
    if (isOver()) return;
    const { clock } = this.#options;
    // What did not keep it off once may do so later: nft can be busy.
    const again = arrival.came === 'elsewhere' && clock.monotonic() - this.#keptAt >= keepAgainMs;
    if (keep && (this.#kept?.relays !== relays || again)) {
      this.#options.log.info('a firewall of this machine redirects questions: ours and those to us are kept from it', {
        relays,
      });
      this.#kept = { relays };
      this.#keptAt = clock.monotonic();
      await this.#options.refresh();
      arrival = await this.#greet();
    }
    if (!isOver()) this.#tell(arrival);
  }

  /** Whether questions to servers elsewhere are led to a resolver of this machine. */
  async #findPlaces(isOver: () => boolean): Promise<boolean> {
    const { probe, servers, isLocal, places, onPlaces, log } = this.#options;
    const elsewhere = (await servers()).filter(({ host }) => !isLocal(host));
    const found: [Endpoint, Endpoint][] = [];
    for (const server of elsewhere) {
      const target = await probe.trace(server);
      if (target !== undefined && isLocal(target.host)) found.push([server, target]);
    }
    if (!isOver() && places.replace(found)) {
      log.info('questions to these servers are led to a resolver on this machine, which is asked itself', {
        servers: found.map(([{ host }, target]) => `${host} > ${target.host} port ${target.port}`).join(', '),
      });
      onPlaces();
    }
    return found.length > 0;
  }

  async #greet(): Promise<{ came: Arrival; network: Network }> {
    const { probe, desk } = this.#options;
    const { server } = desk();
    const byUdp = await probe.greet(server, 'udp');
    if (byUdp !== 'here') return { came: byUdp, network: 'udp' };
    return { came: await probe.greet(server, 'tcp'), network: 'tcp' };
  }

  #tell({ came, network }: { came: Arrival; network: Network }): void {
    const { health, desk } = this.#options;
    const { server, range } = desk();
    this.#lost = came === 'lost' ? this.#lost + 1 : 0;
    this.#isTroubled = came !== 'here';
    if (this.#lost === 1) return;
    if (came === 'lost') health.raise(warningOf(blocked, { range, protocol: network.toUpperCase() }));
    else health.clear(blocked);
    if (came === 'elsewhere') health.raise(warningOf(redirected, { server: server.host }));
    else health.clear(redirected);
  }
}
