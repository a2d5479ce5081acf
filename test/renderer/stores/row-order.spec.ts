import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBy, type Ordering, RowOrder } from '../../../renderer/stores/row-order.ts';
import { type Entry, removed } from '../../../renderer/stores/row-table.ts';
import type { TopicSnapshot } from '../../../renderer/stores/topic-store.ts';

interface Item extends Entry {
  id: string;
  /** Of the row. */
  name: string;
  /** A counter. */
  speed: number;
}

class World {
  readonly entries = new Map<string, Item>();
  #stamp = 0;
  #version = 0;

  /** One batch: new rows, new counters, removals; the snapshot after it. */
  tick(rows: [string, string][], speeds: [string, number][], gone: string[]): TopicSnapshot<Item> {
    const stamp = ++this.#stamp;
    const changed = new Set<Item>();
    for (const id of gone) {
      const entry = this.entries.get(id);
      if (entry !== undefined) entry.stamp = removed;
      this.entries.delete(id);
    }
    for (const [id, name] of rows) {
      const entry = this.entries.get(id) ?? { id, name, speed: 0, stamp, rowStamp: stamp };
      Object.assign(entry, { name, stamp, rowStamp: stamp });
      this.entries.set(id, entry);
      changed.add(entry);
    }
    for (const [id, speed] of speeds) {
      const entry = this.entries.get(id);
      if (entry !== undefined) Object.assign(entry, { speed, stamp });
    }
    const previous = this.#version++;
    return {
      entries: this.entries,
      changed: [...changed],
      since: stamp,
      version: this.#version,
      previous,
      counts: {},
      total: this.entries.size,
      loaded: true,
      refused: undefined,
    };
  }
}

const byName: Ordering<Item> = { value: ({ name }) => name, direction: 'asc', moving: false };
const bySpeed: Ordering<Item> = { value: ({ speed }) => speed, direction: 'desc', moving: true };
const still = (accept: (item: Item) => boolean) => ({ accept, moving: false });
const ids = (rows: readonly Item[]) => rows.map(({ id }) => id);

describe('tick by tick', () => {
  test('rows come, move, change and go', () => {
    const world = new World();
    const order = new RowOrder<Item>();
    const arrange = (snapshot: TopicSnapshot<Item>) => ids(order.arrange(snapshot, undefined, bySpeed));
    expect(
      arrange(
        world.tick(
          [
            ['a', 'x'],
            ['b', 'y'],
            ['c', 'z'],
          ],
          [['b', 5]],
          [],
        ),
      ),
    ).toEqual(['b', 'a', 'c']);
    expect(arrange(world.tick([], [['c', 9]], []))).toEqual(['c', 'b', 'a']);
    expect(arrange(world.tick([['d', 'w']], [['d', 7]], ['b']))).toEqual(['c', 'd', 'a']);
  });

  test('rows that compare equal stay where they were', () => {
    const world = new World();
    const order = new RowOrder<Item>();
    order.arrange(
      world.tick(
        [
          ['a', 'n'],
          ['b', 'n'],
          ['c', 'n'],
        ],
        [],
        [],
      ),
      undefined,
      byName,
    );
    expect(ids(order.arrange(world.tick([['a', 'n']], [], []), undefined, byName))).toEqual(['b', 'c', 'a']);
    expect(ids(order.arrange(world.tick([], [['b', 3]], []), undefined, byName))).toEqual(['b', 'c', 'a']);
  });

  test('the same question has the same answer, by identity', () => {
    const world = new World();
    const order = new RowOrder<Item>();
    const snapshot = world.tick([['a', 'x']], [], []);
    const rows = order.arrange(snapshot, undefined, byName);
    expect(order.arrange(snapshot, undefined, byName)).toBe(rows);
    expect(order.currentRows()).toBe(rows);
  });

  test('another filter or a missed snapshot starts from the whole', () => {
    const world = new World();
    const order = new RowOrder<Item>();
    order.arrange(
      world.tick(
        [
          ['a', 'x'],
          ['b', 'y'],
        ],
        [],
        [],
      ),
      undefined,
      byName,
    );
    world.tick([['c', 'a']], [], []);
    const late = world.tick([], [], []);
    expect(ids(order.arrange(late, undefined, byName))).toEqual(['c', 'a', 'b']);
    expect(
      ids(
        order.arrange(
          late,
          still(({ name }) => name !== 'x'),
          byName,
        ),
      ),
    ).toEqual(['c', 'b']);
  });
});

test('woven in, the order is that of sorting everything', () => {
  const id = fc.integer({ min: 0, max: 40 }).map(String);
  const tick = fc.record({
    rows: fc.array(fc.tuple(id, fc.constantFrom('a', 'b', 'c', 'd')), { maxLength: 12 }),
    speeds: fc.array(fc.tuple(id, fc.integer({ min: 0, max: 6 })), { maxLength: 20 }),
    gone: fc.array(id, { maxLength: 6 }),
  });
  const filters = [still(({ name }) => name !== 'b'), { accept: ({ speed }: Item) => speed > 2, moving: true }];
  const property = fc.property(
    fc.array(tick, { maxLength: 12 }),
    fc.boolean(),
    fc.integer({ min: 0, max: 2 }),
    (ticks, moving, filtered) => {
      const world = new World();
      const order = new RowOrder<Item>();
      const ordering = moving ? bySpeed : byName;
      const compare = compareBy(ordering.value, ordering.direction);
      const selection = filtered ? filters[filtered - 1] : undefined;
      for (const { rows, speeds, gone } of ticks) {
        const shown = order.arrange(world.tick(rows, speeds, gone), selection, ordering);
        const wanted = [...world.entries.values()].filter((item) => selection?.accept(item) ?? true);
        expect(ids(shown).toSorted()).toEqual(ids(wanted).toSorted());
        for (let i = 1; i < shown.length; i++) {
          const [before, after] = [shown[i - 1], shown[i]];
          if (before !== undefined && after !== undefined) expect(compare(before, after)).toBeLessThanOrEqual(0);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('empty values come last in both directions', () => {
  const items = ['b', '', 'a', undefined].map((name) => ({ name }));
  const sorted = (direction: 'asc' | 'desc') =>
    items.toSorted(compareBy((item) => item.name, direction)).map((item) => item.name);
  expect(sorted('asc')).toEqual(['a', 'b', '', undefined]);
  expect(sorted('desc')).toEqual(['b', 'a', '', undefined]);
});
