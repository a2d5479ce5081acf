/** The tables of the mock: connections, mappings, DNS log; moved once a second and sent as batches of the contract. */
import type { Clock } from '../../core/base/clock.ts';
import type { DnsRow, MappingRow } from '../../core/contract/dns.ts';
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { Row, SubscribeOptions, TopicBatch, TopicName } from '../../core/contract/rpc.ts';
import type { Traffic } from '../../core/contract/status.ts';
import { rowFilterOf } from '../../core/rpc/row-filter.ts';
import { mockAnswer, rareMappings, rareQuestions } from './mock-dns.ts';
import { isMockFakeIp, mockConnection, mockFakeIp6, seededRandom } from './mock-traffic.ts';

export interface MockTablesOptions {
  readonly rows: number;
  readonly busy: boolean;
  /** Whether fake addresses of IPv6 go with those of IPv4. */
  readonly bothFamilies: boolean;
  readonly clock: Clock;
}

type TableTopic = Exclude<TopicName, 'proxies'>;

interface Subscriber {
  readonly topic: TableTopic;
  readonly send: (batch: TopicBatch) => void;
  sequence: number;
}

/** Closed connections that are kept for looking at. */
const keptClosed = 200;
const keptQuestions = 2000;
/** Rows of one batch of a first picture. */
const pageRows = 1000;

export class MockTables {
  readonly #options: MockTablesOptions;
  readonly #random = seededRandom(7);
  readonly #connections = new Map<string, ConnectionRow>();
  readonly #closed: string[] = [];
  readonly #mappings = new Map<string, MappingRow>();
  readonly #questions: DnsRow[] = [];
  readonly #subscribers = new Set<Subscriber>();
  #next = 0;
  #nextQuestion = 0;
  #up = 0;
  #down = 0;
  #upTotal = 183_402_112;
  #downTotal = 4_711_329_004;

  constructor(options: MockTablesOptions) {
    this.#options = options;
    const now = options.clock.now();
    for (let i = 0; i < options.rows; i++) this.#open(now - Math.floor(this.#random() ** 3 * 5_400_000));
    if (options.rows > 0) this.#addSpecialRows(now);
  }

  get mappingCount(): number {
    return this.#mappings.size;
  }

  subscribe(topic: TableTopic, options: SubscribeOptions, send: (batch: TopicBatch) => void): () => void {
    const subscriber: Subscriber = { topic, send, sequence: 0 };
    const matches = rowFilterOf(topic, options);
    const rows = this.#rows(topic)
      .filter((row) => matches(row))
      .slice(-(options.limit ?? 100_000));
    // In parts as the helper sends them: the newest first, then from the oldest on.
    const parts = [rows.slice(-pageRows)];
    for (let at = 0; at < rows.length - pageRows; at += pageRows) {
      parts.push(rows.slice(at, Math.min(at + pageRows, rows.length - pageRows)));
    }
    queueMicrotask(() => {
      for (const part of parts) this.#sendTo(subscriber, rows.length, { reset: subscriber.sequence === 0, rows: part });
      this.#subscribers.add(subscriber);
    });
    return () => this.#subscribers.delete(subscriber);
  }

  /** Undefined = all. Pinned ones stay. */
  retire(addresses: readonly string[] | undefined): number {
    return this.#changeMappings(addresses, (row) => {
      if (row.pinned || row.state === 'retired') return undefined;
      return { ...row, state: row.liveFlows > 0 ? 'live' : 'retired' };
    });
  }

  /** What was released is taken back. */
  pin(addresses: readonly string[], pinned: boolean): number {
    return this.#changeMappings(addresses, (row) => {
      if (row.pinned === pinned) return undefined;
      return { ...row, pinned, state: row.state === 'retired' ? 'resting' : row.state };
    });
  }

  #changeMappings(
    addresses: readonly string[] | undefined,
    change: (row: MappingRow) => MappingRow | undefined,
  ): number {
    const rows = (addresses ?? [...this.#mappings.keys()]).flatMap((address) => {
      const row = this.#mappings.get(address);
      const isCurrent = row !== undefined && row.state !== 'unknown' && isMockFakeIp(address);
      return (isCurrent ? change(row) : undefined) ?? [];
    });
    for (const row of rows) this.#mappings.set(row.address, row);
    this.#send('mappings', { rows });
    return rows.length;
  }

  /** One second of life: bytes flow, some connections end, others begin. */
  move(): void {
    const now = this.#options.clock.now();
    const counters: number[] = [];
    this.#up = 0;
    this.#down = 0;
    let place = this.#next;
    for (const row of this.#connections.values()) {
      if (row.state !== 'open' || (!this.#options.busy && place++ % 7 !== 0)) continue;
      const up = Math.floor(this.#random() * 6000);
      const down = Math.floor(this.#random() ** 4 * 900_000);
      row.up += up;
      row.down += down;
      this.#up += up;
      this.#down += down;
      counters.push(Number(row.id), row.up, row.down);
    }
    this.#upTotal += this.#up;
    this.#downTotal += this.#down;
    const churn = Math.max(1, Math.round(this.#options.rows * 0.004));
    const ended = [...this.#connections.values()].filter((row) => row.state === 'open').slice(3, 3 + churn);
    for (const row of ended) this.#end(row, now, 'closed by the application');
    const asked = this.#nextQuestion;
    const opened = Array.from({ length: churn }, () => this.#open(now));
    const removed = this.#closed.splice(0, Math.max(0, this.#closed.length - keptClosed));
    for (const id of removed) this.#connections.delete(id);
    this.#send('connections', { rows: [...ended, ...opened], counters, removed });
    this.#send('mappings', { rows: opened.flatMap((row) => this.#mappings.get(row.fakeIp ?? '') ?? []) });
    this.#send('dnsLog', { rows: this.#questions.slice(asked - this.#nextQuestion) });
  }

  /** Undefined = all. */
  close(ids: readonly string[] | undefined): number {
    const now = this.#options.clock.now();
    const rows = (ids ?? [...this.#connections.keys()]).flatMap((id) => this.#connections.get(id) ?? []);
    const live = rows.filter((row) => row.state !== 'closed');
    for (const row of live) this.#end(row, now, 'closed');
    this.#send('connections', { rows: live });
    return live.length;
  }

  traffic(): Traffic {
    const live = [...this.#connections.values()].filter((row) => row.state !== 'closed').length;
    return {
      time: this.#options.clock.now(),
      up: this.#up,
      down: this.#down,
      upTotal: this.#upTotal,
      downTotal: this.#downTotal,
      live,
      dnsQuestions: this.#nextQuestion,
    };
  }

  #send(topic: TopicName, change: Partial<TopicBatch>): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.topic === topic) this.#sendTo(subscriber, this.#rows(topic).length, change);
    }
  }

  #sendTo(subscriber: Subscriber, total: number, change: Partial<TopicBatch>): void {
    const sequence = subscriber.sequence++;
    subscriber.send({ epoch: 1, sequence, reset: false, rows: [], counters: [], removed: [], total, ...change });
  }

  #rows(topic: TableTopic): Row<TableTopic>[] {
    switch (topic) {
      case 'connections':
        return [...this.#connections.values()];
      case 'mappings':
        return [...this.#mappings.values()];
      case 'dnsLog':
        return this.#questions;
      case 'logs':
        return [];
    }
  }

  #open(openedAt: number): ConnectionRow {
    const row = mockConnection(this.#next++, openedAt, this.#random);
    this.#connections.set(row.id, row);
    if (row.state === 'closed') this.#closed.push(row.id);
    if (row.fakeIp !== undefined) this.#map(row.fakeIp, row);
    if (row.domainSource !== undefined) this.#ask(row, openedAt - 2);
    return row;
  }

  #end(row: ConnectionRow, now: number, closeReason: string): void {
    row.state = 'closed';
    row.closedAt = now;
    row.closeReason = closeReason;
    this.#closed.push(row.id);
  }

  #map(address: string, row: ConnectionRow): void {
    const answers = 1 + Math.floor(this.#random() * 40);
    this.#mappings.set(address, {
      address,
      ...(this.#options.bothFamilies ? { address6: mockFakeIp6(address) } : {}),
      name: row.destination.host,
      state: row.state === 'closed' ? 'resting' : 'live',
      firstSeen: row.openedAt - Math.floor(this.#random() * 8_000_000),
      lastAnswered: row.openedAt - 1,
      lastConnected: row.openedAt,
      answers,
      flows: answers + Math.floor(this.#random() * 9),
      liveFlows: row.state === 'closed' ? 0 : 1 + Math.floor(this.#random() * 3),
      pinned: false,
      outcome: row.error?.code ?? 'ok',
    });
  }

  #ask({ destination, fakeIp, process }: ConnectionRow, time: number): void {
    this.#record({
      time,
      client: '198.18.0.1',
      ...(process === undefined ? {} : { process: process.name }),
      name: destination.host,
      ...mockAnswer(destination.host, fakeIp, this.#random),
    });
  }

  #record(question: Omit<DnsRow, 'id'>): void {
    this.#questions.push({ id: `q${this.#nextQuestion++}`, ...question });
    if (this.#questions.length > keptQuestions) this.#questions.shift();
  }

  /** What is rare but must be seen: a refused dial, one being dialled, one being decided, a hostile name, other mapping states. */
  #addSpecialRows(now: number): void {
    const special = (change: Partial<ConnectionRow>): void => {
      const row = { ...mockConnection(this.#next++, now - 4000, this.#random), ...change };
      this.#connections.set(row.id, row);
    };
    special({
      destination: { host: 'db.internal.example', port: 5432 },
      domainSource: 'fake-ip',
      fakeIp: '198.18.200.9',
      up: 0,
      down: 0,
      state: 'closed',
      closedAt: now - 3500,
      closeReason: 'failed',
      dialMs: 412,
      tried: ['192.0.2.7', '192.0.2.8'],
      attempts: [
        { address: '192.0.2.7', begunMs: 0, tookMs: 3, end: 'DIAL_REFUSED' },
        { address: '192.0.2.8', begunMs: 3, tookMs: 409, end: 'unanswered' },
      ],
      error: { code: 'DIAL_PROXY_REFUSED', message: '192.0.2.7:1080: connection refused' },
    });
    special({
      destination: { host: 'slow.example.com', port: 443 },
      state: 'dialing',
      up: 0,
      down: 0,
      openedAt: now - 900,
    });
    special({ destination: { host: 'evil\u202Emoc.elgoog\u0007.example', port: 443 }, openedAt: now - 1500 });
    for (const row of rareMappings(now, this.#options.bothFamilies)) this.#mappings.set(row.address, row);
    for (const question of rareQuestions(now)) this.#record(question);
  }
}
