import { describe, expect, test } from 'vitest';
import type { ProxyConfig } from '../../../core/contract/config.ts';
import { OutboundManager } from '../../../core/outbound/outbound-manager.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { LoopbackEgress, NamedAddresses } from './doubles.ts';

const manager = (...proxies: ProxyConfig[]): OutboundManager =>
  new OutboundManager(proxies, {
    egress: new LoopbackEgress(),
    resolver: new NamedAddresses({}),
    proxyServers: new NamedAddresses({}),
    isFake: () => false,
    isNear: () => false,
    clock: new ManualClock(),
    timeoutMs: 1000,
  });
const socks = (name: string, server: string): ProxyConfig => ({ type: 'socks5', name, server, port: 1080, udp: false });

test('the built-in outbounds are always there', () => {
  expect(manager().tags()).toEqual(['DIRECT', 'REJECT', 'REJECT-DROP']);
  expect(manager().get('DIRECT')?.kind).toBe('direct');
});

test('configured ones by name', async () => {
  const outbounds = manager(
    socks('far', '192.0.2.1'),
    { type: 'direct', name: 'home' },
    { type: 'reject', name: 'no', drop: true },
  );
  expect(outbounds.tags().slice(3)).toEqual(['far', 'home', 'no']);
  expect(outbounds.route('far')).toMatchObject({ outbound: { kind: 'socks5', udp: false }, chain: ['far'] });
  const drop = outbounds.get('no');
  expect(await drop?.plan({ host: 'a', port: 1 }, 'tcp', new AbortController().signal)).toEqual({
    kind: 'reject',
    how: 'drop',
  });
  expect(outbounds.route('nothing')).toBeUndefined();
});

test.each(['far', 'DIRECT'])('two of the name %s are refused', (name) => {
  const build = () => manager(socks('far', '192.0.2.1'), socks(name, '192.0.2.2'));
  expect(build).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

describe('proxies on this machine', () => {
  test('are those with a loopback or own address', () => {
    const outbounds = manager(
      socks('a', '127.0.0.1'),
      socks('b', '192.0.2.1'),
      socks('c', 'localhost'),
      socks('d', 'p.example'),
    );
    expect(outbounds.localProxies()).toEqual([
      { host: '127.0.0.1', port: 1080 },
      { host: '127.0.0.1', port: 1080 },
    ]);
  });

  test('follow the machine’s addresses, but not at every flow', async () => {
    const own = new Set(['192.0.2.1']);
    let asked = 0;
    const egress = new LoopbackEgress();
    egress.isLocal = (address) => {
      asked += 1;
      return own.has(address);
    };
    const clock = new ManualClock();
    const services = {
      egress,
      resolver: new NamedAddresses({}),
      proxyServers: new NamedAddresses({}),
      isFake: () => false,
      isNear: () => false,
      clock,
      timeoutMs: 1,
    };
    const outbounds = new OutboundManager([socks('a', '192.0.2.1')], services);
    expect([outbounds.localProxies().length, outbounds.localProxies().length, asked]).toEqual([1, 1, 1]);
    own.clear();
    await clock.advance(1000);
    expect(outbounds.localProxies()).toEqual([]);
  });

  test('and other servers of ours that run here', () => {
    const services = {
      egress: new LoopbackEgress(),
      resolver: new NamedAddresses({}),
      proxyServers: new NamedAddresses({}),
      isFake: () => false,
      isNear: () => false,
      clock: new ManualClock(),
      timeoutMs: 1,
    };
    const servers = [
      { host: '127.0.0.1', port: 5354 },
      { host: '192.0.2.53', port: 53 },
      { host: 'dns.example', port: 853 },
    ];
    const here = [{ host: '127.0.0.1', port: 5354 }];
    const local = new OutboundManager([], services, () => servers);
    expect([local.localProxies(), local.localServers()]).toEqual([here, here]);
  });
});
