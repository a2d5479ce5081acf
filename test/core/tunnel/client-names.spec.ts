import { expect, test } from 'vitest';
import { ClientNames } from '../../../core/tunnel/client-names.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const own = '198.18.0.1';
const server = { host: '198.18.0.2', port: 53 };

test('programs here are told apart by their user, machines behind us by their address; a socket is looked up once in 2 s', async () => {
  const clock = new ManualClock();
  let uid = 1000;
  let asked = 0;
  const names = new ClientNames((network, { port }) => {
    asked += 1;
    return network === 'udp' && port === 7 ? -1 : uid;
  }, clock);
  const clientOf = (host: string, port: number, network: 'udp' | 'tcp' = 'udp') =>
    names.clientOf([own, 'fdfe::1'], network, { host, port }, server);
  expect(clientOf('192.168.1.9', 5_353)).toBe('192.168.1.9');
  expect(asked).toBe(0);
  expect([clientOf(own, 40_000), clientOf(own, 40_000)]).toEqual(['uid:1000', 'uid:1000']);
  expect(asked).toBe(1);
  uid = 1001;
  expect([clientOf(own, 40_000), clientOf(own, 40_001), clientOf(own, 40_000, 'tcp')]).toEqual([
    'uid:1000',
    'uid:1001',
    'uid:1001',
  ]);
  await clock.advance(2_000);
  expect(clientOf(own, 40_000)).toBe('uid:1001');
  expect(clientOf(own, 7)).toBe(own);
});

test('an accepted connection: the user of a program here, the address of another machine, its /64 in IPv6', () => {
  const names = new ClientNames((_network, { port }) => (port === 7 ? -1 : 1_000), new ManualClock());
  const clientOf = (host: string, port: number, at = '127.0.0.1') =>
    names.clientOfAccepted({ host, port }, { host: at, port: 7_890 });
  expect([clientOf('127.0.0.1', 40_000), clientOf('127.0.0.1', 7)]).toEqual(['uid:1000', '127.0.0.1']);
  expect(clientOf('10.20.0.2', 40_000, '10.20.0.2')).toBe('uid:1000');
  expect(clientOf('10.20.0.9', 40_000, '10.20.0.2')).toBe('10.20.0.9');
  expect(clientOf('2001:db8:1:2:3:4:5:6', 1, '2001:db8::1')).toBe('2001:db8:1:2::');
});
