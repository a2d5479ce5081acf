/**
 * The last questions and how they were answered, for people to look at. Recording writes into columns that are there already;
 * rows are made when somebody reads them.
 */
import { numberToIpv4 } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import { Emitter } from '../../base/emitter.ts';
import type { Logger } from '../../base/logger.ts';
import type { DnsRow } from '../../contract/dns.ts';
import type { Endpoint } from '../../contract/flow.ts';
import type { Network } from '../../flow/metadata.ts';

const capacity = 2_000;
/** Questions about processes under way at once; the others' rows stay without one. */
const mostSearched = 64;

/** Who asked, as the data plane saw it. */
export interface Asker {
  readonly network: Network;
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

export interface DnsLogOptions {
  /** The name of the process that asked; asked only while somebody watches the log. */
  readonly findProcess?: (network: Network, source: Endpoint, destination: Endpoint) => Promise<string | undefined>;
  readonly logger?: Logger;
}

type Recorded = Omit<DnsRow, 'id' | 'process'>;

/** One column for each field; a row is the same place of all. */
class Columns {
  readonly time = new Float64Array(capacity);
  readonly ms = new Float64Array(capacity);
  readonly upstreamMs = new Float64Array(capacity);
  readonly client = filled('');
  readonly name = filled('');
  readonly type = filled('');
  readonly verdict = Array.from<DnsRow['verdict']>({ length: capacity }).fill('error');
  readonly rcode = filled('');
  /** An IPv4 address may stand here as its number. */
  readonly answer = Array.from<string | number>({ length: capacity }).fill('');
  readonly upstream = filled('');
  readonly process = filled('');
}

/** Fits as the source of the topic `dnsLog`. */
export class DnsLog {
  readonly #columns = new Columns();
  readonly #changed = new Emitter<Iterable<string>>();
  readonly #findProcess: DnsLogOptions['findProcess'];
  readonly #logger: Logger | undefined;
  #count = 0;
  /** Rows up to this count have been told to the watchers. */
  #told = 0;
  #telling = false;
  #searching = 0;

  constructor(options: DnsLogOptions = {}) {
    this.#findProcess = options.findProcess;
    this.#logger = options.logger?.child('dns');
  }

  /** Questions since the start, also those that are no longer kept. */
  get count(): number {
    return this.#count;
  }

  /** Whether somebody looks: then who asked is worth knowing. */
  get watched(): boolean {
    return this.#changed.size > 0;
  }

  /** Adds a row under the next id; the oldest of 2,000 gives way. */
  record(row: Recorded, asker?: Asker): void {
    this.#write(row.time, row.client, row.name, row.type, row.verdict, row.rcode, row.answer, row.ms);
    const place = (this.#count - 1) % capacity;
    this.#columns.upstream[place] = row.upstream ?? '';
    this.#columns.upstreamMs[place] = row.upstreamMs ?? Number.NaN;
    this.#added(asker);
  }

  /** The same for an answer from the pool; `answer` is an IPv4 address as number, or text. Makes no object. */
  recordFake(
    time: number,
    client: string,
    name: string,
    type: string,
    answer: string | number,
    ms: number,
    asker: Asker | undefined,
  ): void {
    this.#write(time, client, name, type, 'fake', 'NOERROR', answer, ms);
    this.#added(asker);
  }

  /** Oldest first. */
  rows(): DnsRow[] {
    const rows: DnsRow[] = [];
    for (let number = Math.max(0, this.#count - capacity) + 1; number <= this.#count; number++)
      rows.push(this.#row(number));
    return rows;
  }

  row(key: string): DnsRow | undefined {
    const number = Number(key);
    return number > this.#count - capacity && number >= 1 && number <= this.#count ? this.#row(number) : undefined;
  }

  /** Tells the ids of new, changed and forgotten rows, together for one turn. */
  watch(changed: (keys: Iterable<string>) => void): () => void {
    if (!this.watched) this.#told = this.#count;
    return this.#changed.on(changed);
  }

  #write(
    time: number,
    client: string,
    name: string,
    type: string,
    verdict: DnsRow['verdict'],
    rcode: string,
    answer: string | number,
    ms: number,
  ): void {
    const columns = this.#columns;
    const place = this.#count % capacity;
    columns.time[place] = time;
    columns.client[place] = client;
    columns.name[place] = name;
    columns.type[place] = type;
    columns.verdict[place] = verdict;
    columns.rcode[place] = rcode;
    columns.answer[place] = answer;
    columns.ms[place] = ms;
    columns.upstream[place] = '';
    columns.upstreamMs[place] = Number.NaN;
    columns.process[place] = '';
    this.#count += 1;
  }

  #added(asker: Asker | undefined): void {
    if (!this.watched) return;
    if (asker !== undefined && this.#searching < mostSearched) void this.#search(this.#count, asker);
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      const from = Math.max(this.#told, this.#count - capacity);
      const keys: string[] = [];
      // What was told before and has given way since is gone for the watchers, too.
      for (
        let gone = Math.max(0, this.#told - capacity) + 1;
        gone <= Math.min(this.#told, this.#count - capacity);
        gone++
      )
        keys.push(String(gone));
      for (let number = from + 1; number <= this.#count; number++) keys.push(String(number));
      this.#told = this.#count;
      this.#tell(keys);
    });
  }

  async #search(number: number, asker: Asker): Promise<void> {
    this.#searching += 1;
    try {
      const found = await this.#findProcess?.(asker.network, asker.source, asker.destination);
      if (found === undefined || number <= this.#count - capacity) return;
      this.#columns.process[(number - 1) % capacity] = found;
      this.#tell([String(number)]);
    } catch (error) {
      this.#logger?.debug('who asked is unknown', { error: AppError.from(error).message });
    } finally {
      this.#searching -= 1;
    }
  }

  #tell(keys: readonly string[]): void {
    try {
      this.#changed.emit(keys);
    } catch (error) {
      this.#logger?.error('a viewer of the DNS log failed', { error: AppError.from(error).message });
    }
  }

  #row(number: number): DnsRow {
    const columns = this.#columns;
    const place = (number - 1) % capacity;
    const answer = columns.answer[place] ?? '';
    const upstream = columns.upstream[place] ?? '';
    const upstreamMs = columns.upstreamMs[place] ?? Number.NaN;
    const process = columns.process[place] ?? '';
    return {
      id: String(number),
      time: columns.time[place] ?? 0,
      client: columns.client[place] ?? '',
      ...(process === '' ? {} : { process }),
      name: columns.name[place] ?? '',
      type: columns.type[place] ?? '',
      verdict: columns.verdict[place] ?? 'error',
      rcode: columns.rcode[place] ?? '',
      answer: typeof answer === 'number' ? numberToIpv4(answer) : answer,
      ...(upstream === '' ? {} : { upstream }),
      ...(Number.isNaN(upstreamMs) ? {} : { upstreamMs }),
      ms: columns.ms[place] ?? 0,
    };
  }
}

const filled = (value: string): string[] => Array.from<string>({ length: capacity }).fill(value);
