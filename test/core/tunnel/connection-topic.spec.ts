import { expect, test } from 'vitest';
import type { CarriedBytes } from '../../../core/flow/flow-carrier.ts';
import { FlowTable } from '../../../core/flow/flow-table.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { ConnectionTopic } from '../../../core/tunnel/connection-topic.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const metadata: Metadata = {
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host: 'a.example', port: 443 },
  originalDestination: { host: '198.18.0.9', port: 443 },
  domainSource: 'fake-ip',
};

test('the first byte is known with the next sample, and is a changed row, once', () => {
  const flows = new FlowTable(new ManualClock());
  const topic = new ConnectionTopic(flows);
  const told: string[][] = [];
  topic.watch((keys) => told.push([...keys]));
  let bytes: CarriedBytes = { up: 5, down: 0 };
  const flow = flows.open(metadata, { kind: 'engine', bytes: () => bytes, close: () => undefined });
  topic.sample();
  bytes = { up: 5, down: 9, firstByteMs: 31 };
  topic.sample();
  bytes = { up: 5, down: 10, firstByteMs: 31 };
  topic.sample();
  expect(told).toEqual([[flow.id], [flow.id]]);
  expect(topic.row(flow.id)).toMatchObject({ firstByteMs: 31 });
});

test('bytes that moved are counters, not changed rows; the end is a changed row', () => {
  const flows = new FlowTable(new ManualClock());
  const topic = new ConnectionTopic(flows);
  const told: string[][] = [];
  const stop = topic.watch((keys) => told.push([...keys]));
  let bytes = { up: 0, down: 0 };
  const flow = flows.open(metadata, { kind: 'engine', bytes: () => bytes, close: () => undefined });
  expect(told).toEqual([[flow.id]]);

  bytes = { up: 10, down: 20 };
  expect(topic.counters(flow.id)).toEqual([0, 0]);
  expect(topic.sample()).toEqual({ up: 10, down: 20, live: 1 });
  expect(topic.counters(flow.id)).toEqual([10, 20]);
  expect(told).toHaveLength(1);

  flow.close({ at: 5, up: 11, down: 21, reason: 'done' });
  expect(told).toHaveLength(2);
  expect(topic.counters(flow.id)).toBeUndefined();
  expect(topic.row(flow.id)).toMatchObject({ state: 'closed', up: 11, down: 21 });
  expect(topic.rows()).toHaveLength(1);
  expect(topic.watched).toBe(true);
  stop();
  expect(topic.watched).toBe(false);
  flows.open(metadata, { kind: 'engine', bytes: () => bytes, close: () => undefined });
  expect(told).toHaveLength(2);
});
