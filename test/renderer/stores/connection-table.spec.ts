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
    apply(1000, { reset: true, rows: [row('1', { up: 500, down: 9000 })] });
    expect(speeds('1')).toEqual([0, 0]);
    apply(2000, { counters: [1, 600, 11_000] });
    expect(speeds('1')).toEqual([100, 2000]);
    apply(2500, { counters: [1, 600, 12_000] });
    expect(speeds('1')).toEqual([0, 2000]);
  });

  test('fall to zero when a batch does not name the row any more, and the entry has another stamp', () => {
    apply(1000, { reset: true, rows: [row('1'), row('2')] });
    apply(2000, { counters: [1, 10, 10] });
    apply(3000, { counters: [2, 1, 1] });
    expect(speeds('1')).toEqual([0, 0]);
    expect(table.entries.get('1')?.stamp).toBe(3);
    apply(4000, {});
    apply(5000, {});
    expect(['1', '2'].map((id) => table.entries.get(id)?.stamp)).toEqual([3, 4]);
  });

  test('of a row that is sent whole again are computed too, and a closed one has none', () => {
    apply(1000, { reset: true, rows: [row('1')] });
    apply(2000, { rows: [row('1', { up: 300 })] });
    expect(speeds('1')).toEqual([300, 0]);
    apply(3000, { rows: [row('1', { up: 900, state: 'closed' })] });
    expect(speeds('1')).toEqual([0, 0]);
    expect(table.entries.get('1')?.up).toBe(900);
  });

  test('are never negative', () => {
    apply(1000, { reset: true, rows: [row('1', { up: 1000 })] });
    apply(2001, { counters: [1, 0, 0] });
    expect(speeds('1')).toEqual([0, 0]);
  });

  test('several batches of one tick share its time, and none takes back what another said', () => {
    apply(1000, { reset: true, rows: [row('1'), row('2')] });
    apply(2000, { counters: [1, 500, 0] });
    apply(3000, { rows: [row('3')] });
    apply(3004, { counters: [1, 1500, 0] });
    apply(3008, { counters: [2, 300, 0] });
    expect([speeds('1'), speeds('2')]).toEqual([
      [1000, 0],
      [300, 0],
    ]);
  });
});

describe('rows', () => {
  test('counters of rows it does not have are ignored', () => {
    apply(1000, { reset: true, rows: [row('1')] });
    apply(2000, { counters: [9, 1, 1] });
    expect([...table.entries.keys()]).toEqual(['1']);
  });

  test('removed rows go, and their entry says so to who still holds it', () => {
    apply(1000, { reset: true, rows: [row('1'), row('2', { state: 'closed' })] });
    const entry = table.entries.get('2');
    expect(table.counts.closed).toBe(1);
    apply(2000, { removed: ['2', '9'] });
    expect([...table.entries.keys()]).toEqual(['1']);
    expect(entry?.stamp).toBe(removed);
    expect(table.counts.closed).toBe(0);
  });

  test('the closed are counted once', () => {
    apply(1000, { reset: true, rows: [row('1'), row('2')] });
    apply(2000, { rows: [row('1', { state: 'closed' })] });
    apply(3000, { rows: [row('1', { state: 'closed', closeReason: 'x' })] });
    expect(table.counts.closed).toBe(1);
  });

  test('a reset replaces everything', () => {
    apply(1000, { reset: true, rows: [row('1'), row('2', { state: 'closed' })] });
    apply(2000, { reset: true, rows: [row('3', { up: 5 })] });
    expect([...table.entries.keys()]).toEqual(['3']);
    expect(speeds('3')).toEqual([0, 0]);
    expect(table.counts.closed).toBe(0);
  });

  test('counters leave the row stamp alone: what does not read them need not look again', () => {
    apply(1000, { reset: true, rows: [row('1')] });
    apply(2000, { counters: [1, 1, 1] });
    const entry = table.entries.get('1');
    expect([entry?.rowStamp, entry?.stamp]).toEqual([1, 2]);
  });
});
