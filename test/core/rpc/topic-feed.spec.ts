import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import type { LogRow } from '../../../core/contract/log.ts';
import type { SubscribeOptions, TopicBatch } from '../../../core/contract/rpc.ts';
import { BackgroundWork } from '../../../core/rpc/background-work.ts';
import { TopicFeed } from '../../../core/rpc/topic-feed.ts';
import type { TopicViewer } from '../../../core/rpc/topic-picture.ts';
import type { RowView } from '../../../core/rpc/topic-source.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryTable } from './memory-table.ts';

const seeAll: RowView = { view: (_topic, row) => row, seesNothing: () => false };

const services = (clock: ManualClock, view: RowView, epoch = 1) => ({
  view,
  clock,
  work: new BackgroundWork(clock, silentLogger),
  epoch,
});

class Viewer implements TopicViewer {
  readonly caller = { pid: 1, uid: 1000, gid: 1000 };
  readonly batches: TopicBatch[] = [];
  readonly failures: unknown[] = [];
  stuck = false;

  congested(): boolean {
    return this.stuck;
  }

  send(batch: TopicBatch): void {
    this.batches.push(batch);
  }

  failed(error: unknown): void {
    this.failures.push(error);
  }

  take(): TopicBatch[] {
    return this.batches.splice(0);
  }
}

const logRow = (id: number, message = `line ${id}`): LogRow => ({
  id: String(id),
  time: id,
  level: 'info',
  component: 'test',
  message,
});
const connection = (id: string, fields: Partial<ConnectionRow> = {}): ConnectionRow => ({
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
  ...fields,
});

describe('a table without counters', () => {
  let clock: ManualClock;
  let table: MemoryTable<'logs'>;
  let feed: TopicFeed<'logs'>;
  let viewer: Viewer;
  const watch = (options: SubscribeOptions = {}) => feed.subscribe(viewer, options);

  beforeEach(() => {
    clock = new ManualClock();
    table = new MemoryTable('logs');
    feed = new TopicFeed('logs', table, services(clock, seeAll, 42));
    viewer = new Viewer();
  });

  test('the first picture comes at once, even when it is empty', () => {
    watch();
    expect(viewer.take()).toEqual([
      { epoch: 42, sequence: 0, reset: true, rows: [], counters: [], removed: [], total: 0 },
    ]);
  });

  test('the first change comes at once, later ones at most once a second, together', () => {
    watch();
    viewer.take();
    table.put(logRow(1));
    clock.run(20);
    expect(viewer.take()).toMatchObject([{ sequence: 1, reset: false, rows: [logRow(1)], total: 1 }]);
    for (let i = 2; i <= 5; i++) {
      table.put(logRow(i));
      clock.run(200);
    }
    expect(viewer.take()).toEqual([]);
    clock.run(200);
    expect(viewer.take()).toMatchObject([{ sequence: 2, rows: [2, 3, 4, 5].map((id) => logRow(id)), total: 5 }]);
  });

  test('only what has changed travels, and what is gone is named', () => {
    for (let i = 0; i < 5; i++) table.put(logRow(i));
    watch();
    viewer.take();
    table.put(logRow(3, 'other'));
    table.remove('1');
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [logRow(3, 'other')], removed: ['1'], total: 4 }]);
  });

  test('nothing is watched, no timer runs, while nobody looks or nothing changes', () => {
    expect(table.watchers).toBe(0);
    const subscription = watch();
    expect([table.watchers, clock.pending]).toEqual([1, 0]);
    table.put(logRow(1));
    clock.run(5000);
    expect(clock.pending).toBe(0);
    table.put(logRow(2));
    subscription.cancel();
    expect([table.watchers, clock.pending]).toEqual([0, 0]);
  });

  test('a search is answered by the server: rows come and go as they match', () => {
    table.put(logRow(1, 'Dial refused'));
    table.put(logRow(2, 'hello'));
    watch({ search: 'REFUSED' });
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '1' }], total: 1 }]);
    table.put(logRow(1, 'nothing'));
    table.put(logRow(2, 'refused again'));
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '2' }], removed: ['1'], total: 1 }]);
  });

  test('a limit keeps the newest rows at the viewer and tells how many there are', () => {
    for (let i = 0; i < 10; i++) table.put(logRow(i));
    watch({ limit: 3 });
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '7' }, { id: '8' }, { id: '9' }], total: 10 }]);
    table.put(logRow(10));
    table.put(logRow(11));
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '10' }, { id: '11' }], removed: ['7', '8'], total: 12 }]);
  });

  test('more changes at once than the limit: only the newest are sent', () => {
    watch({ limit: 2 });
    viewer.take();
    for (let i = 0; i < 5; i++) table.put(logRow(i));
    clock.run(1000);
    const [batch] = viewer.take();
    expect(batch?.rows).toMatchObject([{ id: '3' }, { id: '4' }]);
    expect(batch?.total).toBe(5);
  });

  test('a large picture comes in pages and waits for a slow reader between them', () => {
    for (let i = 0; i < 2500; i++) table.put(logRow(i));
    const send = viewer.send.bind(viewer);
    viewer.send = (batch) => {
      send(batch);
      viewer.stuck = true;
    };
    const subscription = watch();
    expect(viewer.take().map((batch) => [batch.reset, batch.rows.length, batch.total])).toEqual([[true, 1000, 2500]]);
    viewer.stuck = false;
    subscription.resume();
    viewer.stuck = false;
    subscription.resume();
    expect(viewer.take().map((batch) => [batch.sequence, batch.reset, batch.rows.length])).toEqual([
      [1, false, 1000],
      [2, false, 500],
    ]);
  });

  test('a slow reader is sent nothing, then everything anew', () => {
    table.put(logRow(0));
    const subscription = watch();
    viewer.take();
    viewer.stuck = true;
    for (let i = 1; i < 4; i++) {
      table.put(logRow(i));
      clock.run(1000);
    }
    subscription.resume();
    expect(viewer.take()).toEqual([]);
    viewer.stuck = false;
    subscription.resume();
    expect(viewer.take()).toMatchObject([
      { reset: true, rows: [0, 1, 2, 3].map((id) => ({ id: String(id) })), total: 4 },
    ]);
  });

  test('a viewer sees what the view leaves of a row, and a search finds nothing in the rest', () => {
    const view: RowView = {
      ...seeAll,
      view(_topic, row) {
        if (!('message' in row)) return row;
        if (row.id === '2') return undefined;
        return row.id === '1' ? { ...row, message: 'hidden' } : row;
      },
    };
    feed = new TopicFeed('logs', table, services(clock, view));
    table.put(logRow(1, 'secret'));
    table.put(logRow(2, 'secret'));
    table.put(logRow(3, 'a secret of my own'));
    watch({ search: 'secret' });
    watch();
    const [searched, all] = viewer.take();
    expect(searched).toMatchObject({ rows: [{ id: '3' }], total: 1 });
    expect(all).toMatchObject({ rows: [{ id: '1', message: 'hidden' }, { id: '3' }], total: 2 });
  });

  test.each([0, 150])(
    'a row (the one at %d) that cannot be shown is told to its viewer once, and harms no other',
    (bad) => {
      let isBroken = false;
      const broken = new Error('broken');
      const view: RowView = {
        ...seeAll,
        view: (_topic, row, caller) => {
          if (isBroken && caller.uid === 1000 && 'message' in row && row.id === String(bad)) throw broken;
          return row;
        },
      };
      feed = new TopicFeed('logs', table, services(clock, view));
      const other = Object.assign(new Viewer(), { caller: { pid: 2, uid: 1001, gid: 1001 } });
      for (let i = 0; i < 200; i++) table.put(logRow(i));
      watch();
      feed.subscribe(other, {});
      isBroken = true;
      for (let i = 0; i < 3; i++) {
        table.put(logRow(bad, `changed ${i}`));
        clock.run(1000);
      }
      expect(viewer.failures).toEqual([broken]);
      expect([other.failures, other.take().length]).toEqual([[], 4]);
      viewer.take();
      feed.resetAll();
      expect([viewer.take(), other.take().length]).toEqual([[], 1]);
    },
  );

  test('when what a viewer may see changes, the picture is drawn anew', () => {
    let visible = true;
    feed = new TopicFeed(
      'logs',
      table,
      services(clock, { ...seeAll, view: (_topic, row) => (visible ? row : undefined) }),
    );
    table.put(logRow(1));
    watch();
    viewer.take();
    visible = false;
    feed.resetAll();
    expect(viewer.take()).toMatchObject([{ reset: true, rows: [], total: 0 }]);
  });
});

describe('the table of connections', () => {
  let clock: ManualClock;
  let table: MemoryTable<'connections'>;
  let feed: TopicFeed<'connections'>;
  let viewer: Viewer;

  beforeEach(() => {
    clock = new ManualClock();
    table = new MemoryTable('connections');
    feed = new TopicFeed('connections', table, services(clock, seeAll, 1));
    viewer = new Viewer();
    table.put(connection('1', { up: 5 }));
    table.put(connection('2'));
  });

  test('counters that have moved travel alone; those that have not, do not', () => {
    feed.subscribe(viewer, {});
    viewer.take();
    table.counted.set('1', [10, 200]);
    table.counted.set('2', [0, 0]);
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [], counters: [1, 10, 200] }]);
    clock.run(3000);
    viewer.take();
    table.counted.set('1', [11, 200]);
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ counters: [1, 11, 200] }]);
  });

  test('a row that is sent whole needs no counters', () => {
    feed.subscribe(viewer, {});
    viewer.take();
    table.put(connection('1', { up: 7, down: 8 }));
    table.counted.set('1', [7, 8]);
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '1', up: 7, down: 8 }], counters: [] }]);
  });

  test('an ended connection leaves the view of live ones, and stays in the view of all', () => {
    const other = new Viewer();
    feed.subscribe(viewer, {});
    feed.subscribe(other, { closed: true });
    viewer.take();
    other.take();
    table.put(connection('2', { state: 'closed', closedAt: 2 }));
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [], removed: ['2'], total: 1 }]);
    expect(other.take()).toMatchObject([{ rows: [{ id: '2', state: 'closed' }], removed: [], total: 2 }]);
  });

  test('10,000 rows whose counters all move travel in one batch without their rows', () => {
    for (let i = 0; i < 10_000; i++) table.put(connection(String(i)));
    feed.subscribe(viewer, { limit: 20_000 });
    viewer.take();
    for (let i = 0; i < 10_000; i++) table.counted.set(String(i), [i + 1, i]);
    clock.run(1000);
    expect(viewer.take().map(({ rows, counters }) => [rows.length, counters.length])).toEqual([[0, 30_000]]);
  });

  test('rows that changed and counters that moved come together', () => {
    feed.subscribe(viewer, {});
    viewer.take();
    table.put(connection('3'));
    table.counted.set('1', [6, 0]);
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '3' }], counters: [1, 6, 0] }]);
  });

  test('that nothing moves any more is told once', () => {
    feed.subscribe(viewer, {});
    viewer.take();
    table.counted.set('1', [6, 0]);
    clock.run(1000);
    viewer.take();
    for (const told of [[{ rows: [], counters: [], removed: [] }], []]) {
      clock.run(1000);
      expect(viewer.take()).toMatchObject(told);
    }
  });

  test('the first picture begins with the newest rows, and the oldest are the first to give way', () => {
    for (let i = 3; i <= 2_500; i++) table.put(connection(String(i)));
    feed.subscribe(viewer, { limit: 2_500 });
    const pages = viewer.take().map(({ rows }) => {
      const ids = (rows as ConnectionRow[]).map(({ id }) => id);
      return [ids[0], ids.at(-1)];
    });
    expect(pages).toEqual([
      ['1501', '2500'],
      ['1', '1000'],
      ['1001', '1500'],
    ]);
    table.put(connection('2501'));
    clock.run(1000);
    expect(viewer.take()).toMatchObject([{ rows: [{ id: '2501' }], removed: ['1'] }]);
  });
});
