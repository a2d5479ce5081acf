/** Groups and nodes of the mock: chosen, tested one after the other, and sent once a second as batches of the contract. */
import type { Clock } from '../../core/base/clock.ts';
import type { AppParams, AppResult, TopicBatch } from '../../core/contract/app.ts';
import { type GroupType, globalGroup } from '../../core/contract/config.ts';
import { type Delay, type GroupRow, maxDelayHistory, type ProxyRow } from '../../core/contract/proxies.ts';
import { type GroupProxyRow, isGroupRow } from '../../core/contract/proxy-views.ts';
import { seededRandom } from './mock-traffic.ts';

interface Subscriber {
  readonly send: (batch: TopicBatch) => void;
  sequence: number;
}

/** Tests that run at a time, and how long a round of them takes. */
const atOnce = 40;
const roundMs = 100;

const usual = { url: 'https://www.gstatic.com/generate_204', expectedStatus: '204', timeout: 5000 };
const places = ['香港', '日本', '新加坡', '美国', '台湾', 'Frankfurt', 'London', 'São Paulo'];
const kinds = ['socks5', 'socks5', 'vmess', 'trojan', 'ss', 'hysteria2', 'socks5', 'vless'];
const spoken = new Set(['socks5', 'http']);

export class MockPolicies {
  readonly #clock: Clock;
  readonly #random = seededRandom(11);
  readonly #rows = new Map<string, ProxyRow>();
  readonly #subscribers = new Set<Subscriber>();
  /** Rows that subscribers have not been told of. */
  readonly #changed = new Set<string>();
  #waiting: string[] = [];

  constructor(nodes: number, clock: Clock) {
    this.#clock = clock;
    const row = (name: string, kind: string, more: Partial<ProxyRow>): void => {
      const order = this.#rows.size;
      this.#rows.set(name, { name, order, kind, way: 'proxied', udp: true, testing: false, delays: [], ...more });
    };
    row('DIRECT', 'direct', { way: 'direct' });
    row('REJECT', 'reject', { way: 'rejected' });
    const names: string[] = [];
    for (let i = 0; i < nodes; i++) {
      const place = places[i % places.length] ?? '';
      const kind = kinds[i % kinds.length] ?? 'socks5';
      const name = `${place} ${String(1 + Math.floor(i / places.length)).padStart(2, '0')}${i % 5 === 4 ? ' | IEPL 2x' : ''}`;
      names.push(name);
      if (spoken.has(kind)) row(name, kind, { udp: i % 3 !== 0, delays: this.#earlier(i) });
      else {
        const message = `"${name}" is of type ${kind}, which is not supported yet`;
        row(name, kind, { way: 'rejected', refusal: { code: 'DIAL_NOT_SPOKEN', message } });
      }
    }
    const of = (text: string) => names.filter((name) => name.startsWith(text));
    const groups: [name: string, type: GroupType, members: string[], hidden?: true][] = [
      ['Proxy', 'select', ['自动选择', '香港', '日本', '故障转移', ...names, 'DIRECT']],
      ['自动选择', 'url-test', names],
      ['香港', 'url-test', of('香港')],
      ['日本', 'select', of('日本')],
      ['故障转移', 'fallback', ['香港', '日本', ...of('新加坡')]],
      ['负载均衡', 'load-balance', of('London')],
      ['Streaming', 'select', ['Proxy', '香港', '日本', 'DIRECT']],
      ['Ads', 'select', ['REJECT', 'DIRECT', 'Proxy']],
      ['A group with a rather long name that nobody wants to read whole', 'select', ['Streaming', 'DIRECT']],
      ['空组', 'url-test', []],
      ['Hidden', 'url-test', of('London'), true],
      [globalGroup, 'select', ['DIRECT', 'REJECT', 'Proxy', '自动选择', '香港', '日本', ...names]],
    ];
    for (const [name, type, members, hidden = false] of nodes === 0 ? [] : groups) {
      const test = { ...usual, interval: 300, tolerance: 50, lazy: true };
      const selectable = type !== 'load-balance' && type !== 'relay';
      const group: GroupRow = { type, members, now: null, leaf: null, chosen: null, selectable, test, hidden };
      row(name, type, { group });
    }
    this.#settle();
    this.#changed.clear();
  }

  subscribe(send: (batch: TopicBatch) => void): () => void {
    const subscriber: Subscriber = { send, sequence: 0 };
    queueMicrotask(() => {
      this.#sendTo(subscriber, [...this.#rows.values()], true);
      this.#subscribers.add(subscriber);
    });
    return () => this.#subscribers.delete(subscriber);
  }

  /** One second of life: what has changed is told. */
  move(): void {
    if (this.#changed.size === 0) return;
    const rows = [...this.#changed].flatMap((name) => this.#rows.get(name) ?? []);
    this.#changed.clear();
    for (const subscriber of this.#subscribers) this.#sendTo(subscriber, rows, false);
  }

  select({ group: name, member }: AppParams<'selectProxy'>): AppResult<'selectProxy'> {
    const row = this.#rows.get(name);
    if (!isGroupRow(row)) return { now: null };
    this.#set({ ...row, group: { ...row.group, chosen: member } });
    this.#settle();
    return { now: this.#rows.get(name)?.group?.now ?? null };
  }

  stop(): AppResult<'stopTests'> {
    const stopped = this.#waiting.length;
    this.#mark(this.#waiting.splice(0), false);
    return { stopped };
  }

  /** Groups stand for their members, and these for the nodes that they lead to. */
  test({ policy }: AppParams<'testProxies'>): AppResult<'testProxies'> {
    const named = policy === undefined ? [...this.#rows.keys()] : (this.#rows.get(policy)?.group?.members ?? [policy]);
    const leaves = named.map((name) => this.#rows.get(name)?.group?.leaf ?? name);
    const nodes = [...new Set(leaves)].filter((name) => {
      const row = this.#rows.get(name);
      return row !== undefined && row.group === undefined && row.refusal === undefined;
    });
    const idle = this.#waiting.length === 0;
    this.#waiting.push(...nodes);
    this.#mark(nodes, true);
    if (idle) this.#next();
    return { nodes, test: usual, startedAt: this.#clock.now() };
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    this.#clock.after(roundMs, () => {
      for (const name of this.#waiting.splice(0, atOnce)) this.#finish(name);
      this.#settle();
      this.#next();
    });
  }

  #finish(name: string): void {
    const row = this.#rows.get(name);
    if (row === undefined) return;
    const delay: Delay =
      name === 'REJECT' ? { at: this.#clock.now(), ms: null, code: 'DIAL_REJECTED' } : this.#measure();
    const history = [...(row.delays[0]?.history ?? []), delay].slice(-maxDelayHistory);
    this.#set({ ...row, testing: false, delays: [{ ...usual, alive: delay.ms !== null, history }] });
  }

  #mark(names: readonly string[], testing: boolean): void {
    for (const name of names) {
      const row = this.#rows.get(name);
      if (row !== undefined) this.#set({ ...row, testing });
    }
  }

  #measure(at = this.#clock.now()): Delay {
    if (this.#random() < 0.08) return { at, ms: null, code: 'DIAL_TIMEOUT' };
    return { at, ms: Math.round(28 + this.#random() ** 3 * 1800) };
  }

  /** The nth node was tested n % 6 times. */
  #earlier(nth: number): ProxyRow['delays'] {
    const now = this.#clock.now();
    const history = Array.from({ length: nth % 6 }, (_, at) => this.#measure(now - (6 - at) * 300_000));
    return history.length === 0 ? [] : [{ ...usual, alive: history.at(-1)?.ms !== null, history }];
  }

  /** Where each group leads. */
  #settle(): void {
    for (const row of [...this.#rows.values()].filter(isGroupRow)) {
      const now = this.#memberOf(row, 0);
      const leaf = now === undefined ? undefined : this.#leafOf(now, 0);
      const of = leaf === undefined ? undefined : this.#rows.get(leaf);
      const spreads = row.group.type === 'load-balance';
      const empty = { code: 'DIAL_GROUP_EMPTY', message: `the group "${row.name}" has no member` } as const;
      const { refusal: _, ...rest } = row;
      const settled: ProxyRow = {
        ...rest,
        way: of?.way ?? 'rejected',
        delays: of?.delays ?? [],
        testing: of?.testing ?? false,
        ...(of === undefined ? { refusal: empty } : {}),
        group: { ...row.group, now: spreads ? null : (now ?? null), leaf: spreads ? null : (leaf ?? null) },
      };
      if (JSON.stringify(settled) !== JSON.stringify(row)) this.#set(settled);
    }
  }

  #leafOf(name: string, depth: number): string | undefined {
    const row = this.#rows.get(name);
    if (!isGroupRow(row)) return name;
    const member = depth > 8 ? undefined : this.#memberOf(row, depth);
    return member === undefined ? undefined : this.#leafOf(member, depth + 1);
  }

  #memberOf({ group }: GroupProxyRow, depth: number): string | undefined {
    const { members, chosen, type } = group;
    if (chosen !== null) return chosen;
    if (type === 'select') return members[0];
    const lastOf = (name: string) => this.#rows.get(this.#leafOf(name, depth + 1) ?? '')?.delays[0]?.history.at(-1);
    const usable = members.filter((name) => this.#rows.get(name)?.refusal === undefined);
    if (type !== 'url-test') return usable.find((name) => lastOf(name)?.ms !== null) ?? usable[0];
    const alive = usable.filter((name) => typeof lastOf(name)?.ms === 'number');
    return alive.toSorted((a, b) => (lastOf(a)?.ms ?? 0) - (lastOf(b)?.ms ?? 0))[0] ?? usable[0];
  }

  #set(row: ProxyRow): void {
    this.#rows.set(row.name, row);
    this.#changed.add(row.name);
  }

  #sendTo(subscriber: Subscriber, rows: ProxyRow[], reset: boolean): void {
    const sequence = subscriber.sequence++;
    subscriber.send({ epoch: 1, sequence, reset, rows, counters: [], removed: [], total: this.#rows.size });
  }
}
