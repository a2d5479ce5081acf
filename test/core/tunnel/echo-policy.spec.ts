import { expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { FlowPlan } from '../../../core/flow/dial-plan.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import type { Outbound } from '../../../core/outbound/dialer.ts';
import { EchoPolicy } from '../../../core/tunnel/echo-policy.ts';

const hops = [
  { address: '192.0.2.80', device: 'eth0' },
  { address: '2001:db8::80', device: 'eth0' },
];
const target = { host: 'web.example', port: 0 };
const native: FlowPlan = { kind: 'dial', hops, port: 0, layers: [], target, udp: false, timeoutMs: 1 };
const refuse = { kind: 'refuse', how: 'prohibited' };

/** One rule for everything; `planned` are the hosts that its outbound was asked for. */
function policyOf(way: Outbound['way'], plan: () => Promise<FlowPlan>, carriesUdp = true) {
  const planned: string[] = [];
  const matched: Metadata[] = [];
  const outbound = {
    tag: way,
    way,
    resolvesAt: way === 'proxied' ? ('there' as const) : ('here' as const),
    carriesUdp,
    plan: (to: { host: string }) => {
      planned.push(to.host);
      return plan();
    },
    dialStream: () => Promise.reject(new Error('not a stream')),
  };
  const rule = { index: 0, type: 'MATCH', payload: '', policy: way } as const;
  const policy = new EchoPolicy({
    policy: () => ({
      rules: {
        needsProcess: () => false,
        match: (metadata) => {
          matched.push(metadata);
          return { rule };
        },
      },
      policies: { route: () => ({ outbound, chain: [way] }), dialFailed: () => undefined },
      ownServers: { all: () => [], isProxyBehind: () => false },
    }),
    fakeIp: {
      contains: (ip) => ip.startsWith('198.18.') || ip.startsWith('fd00:'),
      lookup: (ip) => (ip.endsWith('.9') || ip.endsWith(':9') ? { name: 'web.example', doubtful: false } : undefined),
      couldMean: () => true,
      unknownConnected: () => undefined,
      flowOpened: () => undefined,
      flowClosed: () => undefined,
    },
    names: { lookup: (ip) => (ip === '192.0.2.7' ? 'guessed.example' : undefined) },
    resolver: { resolve: () => Promise.resolve([]) },
    log: silentLogger,
    timeoutMs: 1_000,
  });
  const decide = (destination: string) => policy.decide({ id: 2, source: '198.18.0.1', destination });
  return { decide, planned, matched };
}

test('DIRECT: by name, to addresses of the version that is pinged', async () => {
  const { decide, planned, matched } = policyOf('direct', () => Promise.resolve(native));
  expect(await decide('198.18.0.9')).toEqual({ kind: 'direct', hops: [hops[0]] });
  expect(await decide('fd00::9')).toEqual({ kind: 'direct', hops: [hops[1]] });
  expect(planned).toEqual(['web.example', 'web.example']);
  expect(matched[0]?.destination.host).toBe('web.example');
});

test('a name that is only remembered decides the rule, not the address', async () => {
  const { decide, planned, matched } = policyOf('direct', () => Promise.resolve(native));
  await decide('192.0.2.7');
  expect([matched[0]?.destination.host, planned]).toEqual(['guessed.example', ['192.0.2.7']]);
});

test('a proxy is never gone around, whether it carries UDP or not', async () => {
  for (const carriesUdp of [true, false]) {
    const { decide, planned } = policyOf('proxied', () => Promise.resolve(native), carriesUdp);
    expect(await decide('198.18.0.9')).toEqual(refuse);
    expect(planned).toEqual([]);
  }
  // Nor one that calls itself direct, but wraps what it dials.
  const wrapped = policyOf('direct', () =>
    Promise.resolve({ ...native, layers: [{ protocol: 'socks5', node: 'far', target }] }),
  );
  expect(await wrapped.decide('198.18.0.9')).toEqual(refuse);
});

test('refusals: by rule, silently, without a route, without a meaning, without an address of the version', async () => {
  const rejected = (how: 'reset' | 'drop') => policyOf('rejected', () => Promise.resolve({ kind: 'reject', how }));
  expect(await rejected('reset').decide('192.0.2.1')).toEqual(refuse);
  expect(await rejected('drop').decide('192.0.2.1')).toEqual({ kind: 'refuse', how: 'silence' });
  const unroutable = policyOf('direct', () => Promise.reject(new AppError('DIAL_NETWORK_UNREACHABLE', 'no route')));
  expect(await unroutable.decide('192.0.2.1')).toEqual({ kind: 'refuse', how: 'no-route' });
  for (const code of ['DIAL_HOST_UNREACHABLE', 'DIAL_NAME_NOT_FOUND', 'DNS_TIMEOUT'] as const) {
    const lost = policyOf('direct', () => Promise.reject(new AppError(code, 'lost')));
    expect(await lost.decide('192.0.2.1'), code).toEqual({ kind: 'refuse', how: 'unreachable' });
  }
  const rebinding = policyOf('direct', () => Promise.reject(new AppError('DIAL_REJECTED', 'this machine')));
  expect(await rebinding.decide('192.0.2.1')).toEqual(refuse);
  const unknown = policyOf('direct', () => Promise.resolve(native));
  expect(await unknown.decide('198.18.0.5')).toEqual(refuse);
  expect(unknown.matched).toEqual([]);
  const only4 = policyOf('direct', () => Promise.resolve({ ...native, hops: hops.slice(0, 1) }));
  expect(await only4.decide('fd00::9')).toEqual({ kind: 'refuse', how: 'unreachable' });
});
