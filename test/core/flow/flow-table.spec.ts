import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { Flow } from '../../../core/flow/flow.ts';
import type { FlowCarrier } from '../../../core/flow/flow-carrier.ts';
import { FlowTable } from '../../../core/flow/flow-table.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const metadata: Metadata = {
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host: 'web.example', port: 443 },
  originalDestination: { host: '198.18.3.4', port: 443 },
  domainSource: 'fake-ip',
  fakeIp: '198.18.3.4',
};

class Counter implements FlowCarrier {
  readonly kind = 'engine';
  up = 0;
  down = 0;
  closed: string[] = [];

  bytes(): { up: number; down: number } {
    return { up: this.up, down: this.down };
  }

  close(how: string): void {
    this.closed.push(how);
  }
}

let clock: ManualClock;
let flows: FlowTable;
let changed: string[][];
beforeEach(() => {
  clock = new ManualClock();
  flows = new FlowTable(clock, 3);
  changed = [];
  flows.changed.on((ids) => changed.push([...ids]));
});

const end = (flow: Flow, up = 0, down = 0) => flow.close({ at: clock.now(), up, down, reason: 'done' });

test('a flow is seen from its opening on', () => {
  const flow = flows.open(metadata, new Counter());
  expect(changed).toEqual([[flow.id]]);
  expect(flows.row(flow.id)).toMatchObject({
    state: 'deciding',
    destination: { host: 'web.example', port: 443 },
    fakeIp: '198.18.3.4',
    chain: [],
    openedAt: clock.now(),
  });
});

test('ids are never used again', () => {
  const first = flows.open(metadata, new Counter());
  end(first);
  expect(flows.open(metadata, new Counter()).id).not.toBe(first.id);
});

describe('counters', () => {
  test('are read by `sample`, which tells only those that moved', () => {
    const busy = new Counter();
    const flow = flows.open(metadata, busy);
    flows.open(metadata, new Counter());
    changed.length = 0;
    busy.up = 7;
    busy.down = 9;
    expect(flows.counters(flow.id)).toEqual([0, 0]);
    expect(flows.sample()).toEqual({ up: 7, down: 9, live: 2 });
    expect(changed).toEqual([[flow.id]]);
    expect(flows.counters(flow.id)).toEqual([7, 9]);
    flows.sample();
    expect(changed.length).toBe(1);
  });

  test('totals keep what closed flows carried, and the carrier’s slot is not read after the end', () => {
    const carrier = new Counter();
    const flow = flows.open(metadata, carrier);
    end(flow, 100, 200);
    carrier.up = 5_000_000;
    expect(flows.sample()).toEqual({ up: 100, down: 200, live: 0 });
    expect(flows.counters(flow.id)).toBeUndefined();
    expect(flows.row(flow.id)).toMatchObject({ up: 100, down: 200, state: 'closed' });
  });
});

describe('closed flows', () => {
  test('the last ones are kept, the oldest forgotten and told', () => {
    const four = [1, 2, 3, 4].map(() => flows.open(metadata, new Counter()));
    const live = flows.open(metadata, new Counter());
    for (const flow of four) end(flow);
    const [oldest, ...kept] = four.map((flow) => flow.id);
    expect(flows.rows({ closed: true }).map((row) => row.id)).toEqual([...kept, live.id]);
    expect(flows.rows({ closed: false }).map((row) => row.id)).toEqual([live.id]);
    expect(changed.at(-1)).toEqual([kept.at(-1), oldest]);
    expect(flows.row(oldest ?? '')).toBeUndefined();
  });

  test('may still learn, without coming back to life', () => {
    const flow = flows.open(metadata, new Counter());
    end(flow, 1, 1);
    flow.learn({ ...metadata, process: { pid: 1, uid: 0, name: 'curl', path: '/usr/bin/curl' } });
    expect(flows.row(flow.id)).toMatchObject({ state: 'closed', process: { name: 'curl' } });
    expect(flows.totals()).toEqual({ up: 1, down: 1, live: 0 });
  });
});

test('closing asks the carrier for a reset, once the flow is live', () => {
  const carrier = new Counter();
  const flow = flows.open(metadata, carrier);
  expect(flows.close(flow.id)).toBe(true);
  expect(carrier.closed).toEqual(['reset']);
  end(flow);
  expect(flows.close(flow.id)).toBe(false);
  expect(flows.close('nothing')).toBe(false);
});

test('an error shows its code and text', () => {
  const flow = flows.open(metadata, new Counter());
  flow.failed(new AppError('DIAL_REFUSED', 'nobody there'));
  expect(flows.row(flow.id)).toMatchObject({ error: { code: 'DIAL_REFUSED', message: 'nobody there' } });
});
