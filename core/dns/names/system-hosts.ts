/** The machine's own hosts file (hosts(5)) as a table of names. Read when somebody asks, anew when it has changed. */
import { type Ip, parseIp } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';
import { normaliseDomain } from '../../base/domain.ts';
import type { Logger } from '../../base/logger.ts';
import { isLoopbackName } from '../../base/special-names.ts';

/** The file, as whoever may read it hands it over. Both may throw. */
export interface HostsFile {
  /** Differs after every change of the file. */
  stamp(): string;
  /** Text of the whole file. */
  read(): string;
}

/** What the file says now. */
interface Table {
  readonly addresses: ReadonlyMap<string, readonly Ip[]>;
  readonly names: ReadonlyMap<Ip, string>;
}

/** How often the file is looked at while names are asked for. Milliseconds. */
const lookEvery = 1_000;
const empty: Table = { addresses: new Map(), names: new Map() };

export class SystemHosts {
  readonly #file: HostsFile;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #table = empty;
  #stamp: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #revision = 0;
  #failed = false;

  constructor(file: HostsFile, clock: Clock, logger: Logger) {
    this.#file = file;
    this.#clock = clock;
    this.#logger = logger.child('hosts');
  }

  /** Grows whenever the file was read anew. */
  get revision(): number {
    this.#look();
    return this.#revision;
  }

  /** Addresses of a normalised name; undefined when the file does not have it. */
  lookup(name: string): readonly Ip[] | undefined {
    this.#look();
    return this.#table.addresses.get(name);
  }

  /** The canonical name of an address: the first of its line. */
  nameOf(address: Ip): string | undefined {
    this.#look();
    return this.#table.names.get(address);
  }

  #look(): void {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt < lookEvery) return;
    this.#lookedAt = now;
    try {
      const stamp = this.#file.stamp();
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      this.#table = parseHosts(this.#file.read());
      this.#revision += 1;
      this.#failed = false;
      this.#logger.debug('hosts file read', { names: this.#table.addresses.size });
    } catch (error) {
      this.#stamp = undefined;
      if (this.#failed) return;
      this.#failed = true;
      this.#table = empty;
      this.#revision += 1;
      this.#logger.info('the hosts file cannot be read: it is taken for empty', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** Reads text of hosts(5). Lines that say nothing sensible are passed over; names of the loopback are not for this table. */
export function parseHosts(text: string): Table {
  const addresses = new Map<string, Ip[]>();
  const names = new Map<Ip, string>();
  for (const line of text.split('\n')) {
    const [first = '', ...rest] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    const address = parseIp(first);
    if (address === undefined) continue;
    for (const name of rest.map(normaliseDomain)) {
      if (name === '' || isLoopbackName(name)) continue;
      const known = addresses.get(name);
      if (known === undefined) addresses.set(name, [address]);
      else if (!known.includes(address)) known.push(address);
      if (!names.has(address)) names.set(address, name);
    }
  }
  return { addresses, names };
}
