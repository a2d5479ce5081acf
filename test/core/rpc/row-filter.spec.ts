import { expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { rowFilterOf } from '../../../core/rpc/row-filter.ts';

const row: ConnectionRow = {
  id: '1',
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host: 'www.Example.com', port: 8443 },
  fakeIp: '198.18.0.77',
  process: { pid: 1, uid: 1000, name: 'curl', path: '/usr/bin/curl' },
  rule: { index: 0, type: 'DOMAIN-SUFFIX', payload: 'example.com', policy: 'Tokyo' },
  chain: ['Tokyo'],
  remote: '203.0.113.5',
  state: 'open',
  up: 0,
  down: 0,
  openedAt: 0,
};

test.each(['', 'EXAMPLE', '8443', '198.18.0.77', 'curl', 'domain-suffix', 'tokyo', '203.0.113', 'tcp'])(
  'finds %j',
  (search) => {
    expect(rowFilterOf('connections', { search })(row)).toBe(true);
  },
);

test.each(['example.org', '/usr/bin', 'openedAt', '[object'])('does not find %j', (search) => {
  expect(rowFilterOf('connections', { search })(row)).toBe(false);
});

test('ended connections only where they are asked for', () => {
  const closed = { ...row, state: 'closed' as const };
  expect(rowFilterOf('connections', {})(closed)).toBe(false);
  expect(rowFilterOf('connections', { closed: true })(closed)).toBe(true);
});

test('other tables', () => {
  const mapping = {
    address: '198.18.0.9',
    name: 'a.example',
    state: 'live' as const,
    firstSeen: 0,
    lastAnswered: 0,
    lastConnected: 0,
    answers: 0,
    flows: 0,
    liveFlows: 0,
    pinned: true,
    address6: 'fdfe::9',
    former: 'b.example',
    outcome: 'DIAL_REFUSED',
  };
  expect(
    ['a.ex', '0.9', 'live', 'refused', 'fdfe::9', 'b.example', 'pinned', 'zzz'].map((search) =>
      rowFilterOf('mappings', { search })(mapping),
    ),
  ).toEqual([true, true, true, true, true, true, true, false]);
  expect(rowFilterOf('mappings', { search: 'pinned' })({ ...mapping, pinned: false })).toBe(false);
  const question = {
    id: '1',
    time: 0,
    client: '10.0.0.1',
    process: 'firefox',
    name: 'a.example',
    type: 'HTTPS',
    verdict: 'fake' as const,
    rcode: 'NOERROR',
    answer: '',
    ms: 0,
  };
  expect(
    ['https', 'fake', 'noerror', '10.0', 'firefox', 'zzz'].map((search) => rowFilterOf('dnsLog', { search })(question)),
  ).toEqual([true, true, true, true, true, false]);
});
