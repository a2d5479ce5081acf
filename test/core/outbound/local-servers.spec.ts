import { expect, test } from 'vitest';
import type { Endpoint } from '../../../core/contract/flow.ts';
import { LocalServers } from '../../../core/outbound/local-servers.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { LoopbackEgress } from './doubles.ts';

const at = (host: string, port = 1080): Endpoint => ({ host, port });
const servers = (proxies: Endpoint[], others: Endpoint[] = []) =>
  new LocalServers({ proxies, others: () => others, egress: new LoopbackEgress(), clock: new ManualClock() });

test('those with a loopback or own address run here', () => {
  const local = servers([at('127.0.0.1'), at('192.0.2.1'), at('localhost'), at('p.example')]);
  expect(local.all()).toEqual([at('127.0.0.1'), at('127.0.0.1')]);
});

test('proxies behind this machine are known by their address', () => {
  const local = servers([at('127.0.0.1'), at('172.17.0.2'), at('p.example')]);
  const behind = ['127.0.0.1', '172.17.0.2', '172.17.0.3'].map((each) => local.isProxyBehind(each));
  expect(behind).toEqual([false, true, false]);
});

test('they follow the machine’s addresses, but not at every flow', async () => {
  const own = new Set(['192.0.2.1']);
  let asked = 0;
  const isLocal = (address: string) => {
    asked += 1;
    return own.has(address);
  };
  const clock = new ManualClock();
  const local = new LocalServers({ proxies: [at('192.0.2.1')], others: () => [], egress: { isLocal }, clock });
  expect([local.all().length, local.all().length, asked]).toEqual([1, 1, 1]);
  own.clear();
  expect(local.all()).toHaveLength(1);
  await clock.advance(1000);
  expect(local.all()).toEqual([]);
});

test('other servers of ours that run here count as well, and can change at once', () => {
  const others = [at('127.0.0.1', 5354), at('192.0.2.53', 53), at('dns.example', 853)];
  const local = servers([], others);
  expect([local.all(), local.nameservers()]).toEqual([[at('127.0.0.1', 5354)], [at('127.0.0.1', 5354)]]);
  others.push(at('127.0.0.2', 53));
  expect(local.nameservers()).toHaveLength(1);
  local.forget();
  expect(local.nameservers()).toEqual([at('127.0.0.1', 5354), at('127.0.0.2', 53)]);
});
