/**
 * The pool against a model that knows everything, opened anew from what is stored after any step (as after kill -9), with
 * flushes, pins, greedy clients and the loss of the whole table: an address never comes to mean another name too early.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Ip } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import type { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { runs } from '../../../support/runs.ts';
import { FastClock, hours, makePool, minutes, RecordedHealth, seconds } from './pool-fixture.ts';

/** By so much a crash may shorten the rest of an address that was used meanwhile. */
const tolerance = minutes + 2 * seconds;
const range = '198.18.0.0/28';

interface Known {
  name: string;
  client: string;
  lastUse: number;
  connected: boolean;
  live: number;
  pinned: boolean;
  retired: boolean;
}

class World {
  readonly #store = new MemoryStateStore();
  readonly #clock = new FastClock();
  readonly #model = new Map<Ip, Known>();
  /** What programs may still hold from before the table was lost. */
  readonly #held = new Map<Ip, { name: string; until: number }>();
  #pool: FakeIpPool;
  #openedAt = 0;
  #restarts = 0;

  constructor() {
    this.#pool = this.#open();
  }

  #open(): FakeIpPool {
    this.#openedAt = this.#clock.now();
    const pool = makePool(this.#store, { range, clock: this.#clock, health: new RecordedHealth() });
    pool.start();
    return pool;
  }

  #age(known: Known): number {
    return this.#clock.now() - known.lastUse;
  }

  #rest(known: Known): number {
    return known.connected ? 24 * hours : 10 * minutes;
  }

  /** Each start takes flows that may have been live when the last process died for used a minute longer. */
  get #slack(): number {
    return seconds + this.#restarts * (minutes + seconds);
  }

  #idle(client?: string): Known[] {
    const all = [...this.#model.values()].filter((known) => known.live === 0 && !known.pinned);
    return client === undefined ? all : all.filter((known) => known.client === client);
  }

  /** Those that must be given away before a question goes without an address. */
  #mustGive(client?: string): Known[] {
    const early = this.#clock.now() - this.#openedAt >= minutes;
    return this.#idle(client).filter(
      (known) =>
        this.#age(known) >= this.#rest(known) + this.#slack || (early && this.#age(known) >= minutes + this.#slack),
    );
  }

  ask(name: string, client: string): void {
    const now = this.#clock.now();
    const shared = [...this.#model.values()].filter((known) => known.client === client && !known.retired).length;
    const full = this.#model.size === this.#pool.capacity;
    const shareIsFull = shared >= this.#pool.capacity / 2;
    const from = shareIsFull ? client : undefined;
    const had = [...this.#model].find(([, known]) => known.name === name)?.[0];
    let address: Ip;
    try {
      address = this.#pool.allocate(name, client);
    } catch (error) {
      expect(AppError.from(error).code).toBe('FAKE_IP_EXHAUSTED');
      expect(full || shareIsFull).toBe(true);
      expect(this.#mustGive(from)).toEqual([]);
      return;
    }
    if (had !== undefined) {
      expect(address).toBe(had);
      Object.assign(this.#model.get(had) ?? {}, { lastUse: now, retired: false });
      return;
    }
    const former = this.#model.get(address);
    if (former !== undefined) this.#checkGiven(former, full, from);
    this.#model.set(address, { name, client, lastUse: now, connected: false, live: 0, pinned: false, retired: false });
    const held = this.#held.get(address);
    if (held === undefined || held.name === name || held.until <= now) return;
    // A program may mean the other name: its first bytes are asked, and that name would be believed.
    expect(this.#pool.isDoubtful(address)).toBe(true);
    expect(this.#pool.couldMean(address, held.name)).toBe(true);
  }

  #checkGiven(former: Known, full: boolean, from: string | undefined): void {
    expect([former.live, former.pinned]).toEqual([0, false]);
    if (from !== undefined) expect(former.client).toBe(from);
    if (this.#age(former) >= this.#rest(former) - tolerance) return;
    expect(full || from !== undefined).toBe(true);
    expect(this.#age(former)).toBeGreaterThanOrEqual(minutes);
    const surelyRested = (known: Known) => this.#age(known) >= this.#rest(known) + this.#slack;
    const better = (known: Known) => former.connected && !known.connected && this.#age(known) >= minutes + this.#slack;
    expect(this.#idle(from).filter((known) => surelyRested(known) || better(known))).toEqual([]);
  }

  connect(index: number): void {
    const entry = [...this.#model][index % Math.max(1, this.#model.size)];
    if (entry === undefined) return;
    this.#pool.flowOpened(entry[0]);
    Object.assign(entry[1], { lastUse: this.#clock.now(), connected: true, live: entry[1].live + 1 });
  }

  close(index: number): void {
    const live = [...this.#model].filter(([, known]) => known.live > 0);
    const entry = live[index % Math.max(1, live.length)];
    if (entry === undefined) return;
    this.#pool.flowClosed(entry[0], 'ok');
    Object.assign(entry[1], { lastUse: this.#clock.now(), live: entry[1].live - 1 });
  }

  pin(index: number, pinned: boolean): void {
    const entry = [...this.#model][index % Math.max(1, this.#model.size)];
    if (entry === undefined) return;
    this.#pool.pin([entry[0]], pinned);
    if (entry[1].pinned !== pinned) Object.assign(entry[1], pinned ? { pinned, retired: false } : { pinned });
  }

  retire(index: number | undefined): void {
    const all = [...this.#model];
    const entries = index === undefined ? all : all.slice(index % Math.max(1, all.length)).slice(0, 1);
    if (index === undefined) this.#pool.flush();
    else this.#pool.retire(entries.map(([address]) => address));
    for (const [, known] of entries) if (!known.pinned) known.retired = true;
  }

  wait(ms: number): void {
    this.#clock.advance(ms);
    for (const known of this.#model.values()) if (known.live > 0) known.lastUse = this.#clock.now();
  }

  restart(how: 'killed' | 'stopped' | 'lost'): void {
    if (how === 'stopped') this.#pool.stop();
    this.#clock.clear();
    this.#restarts += 1;
    for (const known of this.#model.values()) known.live = 0;
    if (how === 'lost') {
      const now = this.#clock.now();
      this.#held.clear();
      for (const [address, { name }] of this.#model) this.#held.set(address, { name, until: now + 24 * hours });
      this.#model.clear();
      this.#store.lose(now);
      // The clock goes on between two lives of a process.
      this.#clock.advance(seconds);
    }
    this.#pool = this.#open();
  }

  check(): void {
    for (const [address, known] of this.#model) {
      const mapping = this.#pool.lookup(address);
      if (mapping === undefined) {
        // Forgotten: only what was flushed, and only when its rest is over.
        expect([known.retired, known.live]).toEqual([true, 0]);
        expect(this.#age(known)).toBeGreaterThanOrEqual(this.#rest(known) - tolerance);
        this.#model.delete(address);
        continue;
      }
      const { name, client, live, pinned, retired } = known;
      expect(mapping).toMatchObject({ name, client, liveFlows: live, pinned });
      // The mark of a flush is stored with it; that it is taken back by a question may be lost with the process.
      if (retired) expect(mapping.retired).toBe(true);
      else known.retired = mapping.retired;
      expect(this.#pool.find(name)?.address).toBe(address);
    }
    expect(this.#pool.size).toBe(this.#model.size);
  }
}

type Step =
  | { kind: 'ask'; name: string; client: string }
  | { kind: 'connect' | 'close' | 'pin' | 'unpin' | 'retire'; index: number }
  | { kind: 'flush' }
  | { kind: 'wait'; ms: number }
  | { kind: 'restart'; how: 'killed' | 'stopped' | 'lost' };

const waits = [seconds, 9 * seconds, 31 * seconds, minutes, 5 * minutes, 10 * minutes, 5 * hours, 24 * hours];
const indexed = (kind: 'connect' | 'close' | 'pin' | 'unpin' | 'retire', weight: number) => ({
  weight,
  arbitrary: fc.nat(11).map((index): Step => ({ kind, index })),
});
const step = fc.oneof(
  {
    weight: 16,
    arbitrary: fc
      .tuple(fc.nat(29), fc.constantFrom('greedy', 'greedy', 'modest', 'third'))
      .map(([i, client]): Step => ({ kind: 'ask', name: `name${i}.example`, client })),
  },
  indexed('connect', 8),
  indexed('close', 6),
  indexed('pin', 1),
  indexed('unpin', 1),
  indexed('retire', 1),
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'flush' }) },
  { weight: 8, arbitrary: fc.constantFrom(...waits).map((ms): Step => ({ kind: 'wait', ms })) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('killed' as const, 'killed' as const, 'stopped' as const, 'lost' as const)
      .map((how): Step => ({ kind: 'restart', how })),
  },
);

function take(world: World, next: Step): void {
  switch (next.kind) {
    case 'ask':
      return world.ask(next.name, next.client);
    case 'connect':
      return world.connect(next.index);
    case 'close':
      return world.close(next.index);
    case 'pin':
    case 'unpin':
      return world.pin(next.index, next.kind === 'pin');
    case 'retire':
      return world.retire(next.index);
    case 'flush':
      return world.retire(undefined);
    case 'wait':
      return world.wait(next.ms);
    case 'restart':
      return world.restart(next.how);
  }
}

test('no address means another name while it is live or resting, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 150, size: 'max' }), (steps) => {
      const world = new World();
      for (const next of steps) {
        take(world, next);
        world.check();
      }
    }),
    runs(100),
  );
});

test('the same when the process dies after every single step', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), (steps) => {
      const world = new World();
      for (const next of steps) {
        take(world, next);
        world.check();
        world.restart('killed');
        world.check();
      }
    }),
    runs(50),
  );
});
