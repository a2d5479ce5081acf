/** The pool against a model that knows everything, with crashes at any moment: an address never comes to mean another name too early. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { FakeIpPool } from '../../../core/dns/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { FastClock, hours, makePool, minutes, RecordedHealth, seconds } from './pool-fixture.ts';

/** Use that a crash may make the pool forget. */
const tolerance = 10 * seconds;

interface Known {
  name: string;
  lastUse: number;
  connected: boolean;
  live: number;
}

class World {
  readonly #store = new MemoryStateStore();
  readonly #clock = new FastClock();
  readonly #model = new Map<string, Known>();
  #pool: FakeIpPool = this.#open();
  #restarts = 0;

  #open(): FakeIpPool {
    const pool = makePool(this.#store, { range: '198.18.0.0/28', clock: this.#clock, health: new RecordedHealth() });
    pool.start();
    return pool;
  }

  ask(name: string): void {
    const now = this.#clock.now();
    const idle = [...this.#model.values()].filter((known) => known.live === 0);
    const age = (known: Known) => now - known.lastUse;
    // Each start takes flows that may have been live when the last process died for used a minute longer.
    const slack = tolerance + this.#restarts * (minutes + seconds);
    let address: string;
    try {
      address = this.#pool.allocate(name, 'client');
    } catch (error) {
      expect(AppError.from(error).code).toBe('FAKE_IP_EXHAUSTED');
      expect(this.#model.size).toBe(this.#pool.capacity);
      expect(idle.filter((known) => age(known) >= minutes + slack)).toEqual([]);
      return;
    }
    const former = this.#model.get(address);
    const had = [...this.#model].find(([, known]) => known.name === name)?.[0];
    if (had !== undefined) expect(address).toBe(had);
    if (former !== undefined && former.name !== name) {
      expect(former.live).toBe(0);
      const rested = age(former) >= (former.connected ? 24 * hours : 10 * minutes) - tolerance;
      if (!rested) {
        expect(this.#model.size).toBe(this.#pool.capacity);
        expect(age(former)).toBeGreaterThanOrEqual(minutes - tolerance);
        const surelyRested = (known: Known) => age(known) >= (known.connected ? 24 * hours : 10 * minutes) + slack;
        const better = (known: Known) => former.connected && !known.connected && age(known) >= minutes + slack;
        expect(idle.filter((known) => surelyRested(known) || better(known))).toEqual([]);
      }
    }
    const same = former?.name === name ? former : undefined;
    this.#model.set(address, { name, lastUse: now, connected: same?.connected ?? false, live: same?.live ?? 0 });
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

  wait(ms: number): void {
    this.#clock.advance(ms);
    for (const known of this.#model.values()) if (known.live > 0) known.lastUse = this.#clock.now();
  }

  restart(how: 'killed' | 'stopped'): void {
    if (how === 'stopped') this.#pool.stop();
    this.#clock.clear();
    this.#restarts += 1;
    for (const known of this.#model.values()) known.live = 0;
    this.#pool = this.#open();
  }

  check(): void {
    expect(this.#pool.used).toBe(this.#model.size);
    for (const [address, known] of this.#model) {
      expect(this.#pool.lookup(address)).toMatchObject({ name: known.name, liveFlows: known.live });
      expect(this.#pool.find(known.name)?.address).toBe(address);
    }
  }
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.nat(29).map((i) => ({ kind: 'ask' as const, name: `name${i}.example` })) },
  { weight: 4, arbitrary: fc.nat(11).map((index) => ({ kind: 'connect' as const, index })) },
  { weight: 3, arbitrary: fc.nat(11).map((index) => ({ kind: 'close' as const, index })) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(seconds, 9 * seconds, 31 * seconds, minutes, 5 * minutes, 10 * minutes, 5 * hours, 24 * hours)
      .map((ms) => ({ kind: 'wait' as const, ms })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('killed' as const, 'stopped' as const).map((how) => ({ kind: 'restart' as const, how })),
  },
);

test('no address means another name while it is live or resting, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 150, size: 'max' }), (steps) => {
      const world = new World();
      for (const next of steps) {
        if (next.kind === 'ask') world.ask(next.name);
        else if (next.kind === 'connect') world.connect(next.index);
        else if (next.kind === 'close') world.close(next.index);
        else if (next.kind === 'wait') world.wait(next.ms);
        else world.restart(next.how);
        world.check();
      }
    }),
    { numRuns: 200 },
  );
});
