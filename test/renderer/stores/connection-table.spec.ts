import { beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import type { TopicBatch } from '../../../core/contract/rpc.ts';
import { ConnectionTable } from '../../../renderer/stores/connection-table.ts';
import { removed } from '../../../renderer/stores/row-table.ts';

let table: ConnectionTable;
let stamp = 0;

beforeEach(() => {
  table = new ConnectionTable();
  stamp = 0;
});

const row = (id: string, change: Partial<ConnectionRow> = {}): ConnectionRow => ({
  id,
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host: `${id}.example`, port: 443 },
  chain: ['DIRECT'],
  state: 'open',
  up: 0,
  down: 0,
  openedAt: 1,
  ...change,
});

function apply(now: number, change: Partial<TopicBatch<'connections'>>): void {
  table.apply(
    { epoch: 1, sequence: stamp, reset: false, rows: [], counters: [], removed: [], total: 0, ...change },
    ++stamp,
    now,
  );
}

const speeds = (id: string) => {
  const entry = table.entries.get(id);
  return entry === undefined ? undefined : [entry.upSpeed, entry.downSpeed];
};

describe('speeds', () => {
  test('come from successive counters and the time between the batches', () => {
    apply(1000, { reset: true, rows: [row('a', { up: 500, down: 9000 })] });
    expect(speeds('a')).toEqual([0, 0]);
    apply(2000, { counters: [['a', 600, 11_000]] });
    expect(speeds('a')).toEqual([100, 2000]);
    apply(2500, { counters: [['a', 600, 12_000]] });
    expect(speeds('a')).toEqual([0, 2000]);
  });

  test('fall to zero when a batch does not name the row any more, and the entry counts as changed', () => {
    apply(1000, { reset: true, rows: [row('a'), row('b')] });
    apply(2000, { counters: [['a', 10, 10]] });
    apply(3000, { counters: [['b', 1, 1]] });
    expect(speeds('a')).toEqual([0, 0]);
    expect(table.changed.map((entry) => entry.row.id)).toEqual(['b', 'a']);
    apply(4000, {});
    apply(5000, {});
    expect(table.changed).toEqual([]);
  });

  test('of a row that is sent whole again are computed too, and a closed one has none', () => {
    apply(1000, { reset: true, rows: [row('a')] });
    apply(2000, { rows: [row('a', { up: 300 })] });
    expect(speeds('a')).toEqual([300, 0]);
    apply(3000, { rows: [row('a', { up: 900, state: 'closed' })] });
    expect(speeds('a')).toEqual([0, 0]);
    expect(table.entries.get('a')?.up).toBe(900);
  });

  test('are never negative, and two batches at once make none absurd', () => {
    apply(1000, { reset: true, rows: [row('a', { up: 1000 })] });
    apply(1001, { counters: [['a', 1200, 0]] });
    expect(speeds('a')).toEqual([1000, 0]);
    apply(2001, { counters: [['a', 0, 0]] });
    expect(speeds('a')).toEqual([0, 0]);
  });
});

describe('rows', () => {
  test('counters of rows it does not have are ignored', () => {
    apply(1000, { reset: true, rows: [row('a')] });
    apply(2000, { counters: [['ghost', 1, 1]] });
    expect([...table.entries.keys()]).toEqual(['a']);
  });

  test('removed rows go, and their entry says so to who still holds it', () => {
    apply(1000, { reset: true, rows: [row('a'), row('b', { state: 'closed' })] });
    const entry = table.entries.get('b');
    expect(table.counts.closed).toBe(1);
    apply(2000, { removed: ['b', 'ghost'] });
    expect([...table.entries.keys()]).toEqual(['a']);
    expect(entry?.stamp).toBe(removed);
    expect(table.counts.closed).toBe(0);
  });

  test('the closed are counted once', () => {
    apply(1000, { reset: true, rows: [row('a'), row('b')] });
    apply(2000, { rows: [row('a', { state: 'closed' })] });
    apply(3000, { rows: [row('a', { state: 'closed', closeReason: 'x' })] });
    expect(table.counts.closed).toBe(1);
  });

  test('a reset replaces everything', () => {
    apply(1000, { reset: true, rows: [row('a'), row('b', { state: 'closed' })] });
    apply(2000, { reset: true, rows: [row('c', { up: 5 })] });
    expect([...table.entries.keys()]).toEqual(['c']);
    expect(speeds('c')).toEqual([0, 0]);
    expect(table.counts.closed).toBe(0);
  });

  test('counters leave the row stamp alone: what does not read them need not look again', () => {
    apply(1000, { reset: true, rows: [row('a')] });
    apply(2000, { counters: [['a', 1, 1]] });
    const entry = table.entries.get('a');
    expect([entry?.rowStamp, entry?.stamp]).toEqual([1, 2]);
  });
});
