/** Which member takes which flow. */
import { expect, test } from 'vitest';
import type { BalanceStrategy } from '../../../../core/contract/config.ts';
import type { Metadata } from '../../../../core/flow/metadata.ts';
import { loadBalanceGroup } from '../../../../core/outbound/groups/load-balance.ts';

const members = ['a', 'b', 'c', 'd', 'e', 'f'];
const flow = (host: string, source = '198.18.0.1'): Metadata => ({
  network: 'tcp',
  inbound: 'tun',
  source: { host: source, port: 1 },
  destination: { host, port: 443 },
  originalDestination: { host, port: 443 },
});

function groupOf(strategy: BalanceStrategy) {
  const dead = new Set<string>();
  const group = loadBalanceGroup({ name: 'g', type: 'load-balance', members, strategy, udp: true, hidden: false });
  const settle = () =>
    group.candidates(
      members,
      { isUsable: (name) => name !== 'f', isAlive: (name) => !dead.has(name), delayOf: () => undefined },
      { chosen: undefined, current: undefined },
    );
  settle();
  const kill = (...names: string[]) => {
    for (const name of names) dead.add(name);
    return settle();
  };
  return { pick: (host: string, source?: string) => group.pick?.(flow(host, source)), kill };
}
const hosts = Array.from({ length: 300 }, (_, i) => `www.site${i}.example`);

test('by hashing, a site keeps its member, and only those of a dead one move', () => {
  const { pick, kill } = groupOf('consistent-hashing');
  const before = hosts.map((host) => pick(host));
  expect(new Set(before)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
  expect(pick('img.cdn.site7.example')).toBe(before[7]);
  expect(hosts.map((host) => pick(host, '198.18.0.9'))).toEqual(before);
  kill('b');
  for (const [i, host] of hosts.entries()) {
    const after = pick(host);
    expect(after).not.toBe('b');
    if (before[i] !== 'b') expect(after).toBe(before[i]);
  }
});

test('round robin takes one after the other of those that are alive', () => {
  const { pick, kill } = groupOf('round-robin');
  expect(hosts.slice(0, 6).map((host) => pick(host))).toEqual(['a', 'b', 'c', 'd', 'e', 'a']);
  kill('a', 'c');
  expect(new Set(hosts.slice(0, 6).map((host) => pick(host)))).toEqual(new Set(['b', 'd', 'e']));
});

test('a sticky session keeps its member for one source and site until that dies', () => {
  const { pick, kill } = groupOf('sticky-sessions');
  const first = pick('www.one.example');
  for (let i = 0; i < 20; i++) {
    pick(`other${i}.example`);
    expect(pick('img.one.example')).toBe(first);
  }
  expect(new Set(hosts.map((host) => pick(host, '198.18.0.2'))).size).toBe(5);
  kill(first ?? '');
  const next = pick('www.one.example');
  expect(next).not.toBe(first);
  expect(pick('www.one.example')).toBe(next);
});

test('where all are dead, a test may be wrong: one that could be dialled is taken', () => {
  for (const strategy of ['consistent-hashing', 'round-robin', 'sticky-sessions'] as const) {
    const { pick, kill } = groupOf(strategy);
    expect(kill('a', 'b', 'c', 'd', 'e')).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(pick('www.one.example')).toMatch(/^[a-e]$/);
  }
});
