import { describe, expect, test } from 'vitest';
import { connectionRowSchema } from '../../../core/contract/flow.ts';
import { Flow } from '../../../core/flow/flow.ts';
import type { FlowCarrier } from '../../../core/flow/flow-carrier.ts';

const rule = { index: 3, type: 'DOMAIN', payload: 'web.example', policy: 'far' } as const;
const route = { outbound: { way: 'proxied' }, chain: ['far'] } as const;
const carrier: FlowCarrier = { kind: 'stream', bytes: () => ({ up: 1, down: 2 }), close: () => undefined };

function flow(): { flow: Flow; changes: string[] } {
  const changes: string[] = [];
  const endpoint = { host: 'web.example', port: 443 };
  const metadata = {
    network: 'tcp',
    inbound: 'mixed',
    source: { host: '127.0.0.1', port: 5 },
    destination: endpoint,
    originalDestination: endpoint,
    domainSource: 'inbound',
  } as const;
  const made = new Flow({ id: '7', metadata, carrier, openedAt: 1000 }, ({ state }) => changes.push(state));
  return { flow: made, changes };
}

test('the whole way, each step told once, each row as the contract says', () => {
  const { flow: it, changes } = flow();
  connectionRowSchema.parse(it.row());
  it.decided(rule, route, '192.0.2.1', 4);
  it.dials(['192.0.2.6:443', '192.0.2.7:443']);
  it.opened('192.0.2.7', 12);
  expect(it.close({ at: 2000, up: 10, down: 20, reason: 'done' })).toBe(true);
  expect(changes).toEqual(['dialing', 'open', 'closed']);
  expect(connectionRowSchema.parse(it.row())).toEqual({
    id: '7',
    network: 'tcp',
    inbound: 'mixed',
    source: { host: '127.0.0.1', port: 5 },
    destination: { host: 'web.example', port: 443 },
    domainSource: 'inbound',
    rule,
    matchedIp: '192.0.2.1',
    chain: ['far'],
    way: 'proxied',
    decideMs: 4,
    tried: ['192.0.2.6:443', '192.0.2.7:443'],
    remote: '192.0.2.7',
    state: 'closed',
    up: 10,
    down: 20,
    openedAt: 1000,
    closedAt: 2000,
    dialMs: 12,
    closeReason: 'done',
  });
});

test('the terminal event happens once', () => {
  const { flow: it, changes } = flow();
  expect(it.close({ at: 1, up: 1, down: 1, reason: 'first' })).toBe(true);
  expect(it.close({ at: 2, up: 2, down: 2, reason: 'second' })).toBe(false);
  expect(it.row()).toMatchObject({ closeReason: 'first', up: 1 });
  expect(changes).toEqual(['closed']);
});

describe('nothing goes back', () => {
  test('from closed', () => {
    const { flow: it } = flow();
    it.close({ at: 1, up: 0, down: 0, reason: 'done' });
    expect(() => it.decided(rule, route, undefined, 1)).toThrow(/closed to dialing/);
    expect(() => it.opened(undefined, 1)).toThrow(/closed to open/);
  });

  test('to the same state', () => {
    const { flow: it } = flow();
    it.decided(rule, route, undefined, 1);
    expect(() => it.decided(rule, route, undefined, 1)).toThrow(/dialing to dialing/);
  });
});

test('another carrier counts from its taking over', () => {
  const { flow: it } = flow();
  expect(it.sample()).toBe(true);
  expect(it.sample()).toBe(false);
  it.carriedBy({ kind: 'stream', bytes: () => ({ up: 5, down: 2 }), close: () => undefined });
  expect(it.sample()).toBe(true);
  expect([it.up, it.down]).toEqual([5, 2]);
});
