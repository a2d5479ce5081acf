import { describe, expect, test } from 'vitest';
import type { MatchedRule } from '../../../core/contract/flow.ts';
import type { Metadata, Network } from '../../../core/flow/metadata.ts';
import type { Outbound } from '../../../core/outbound/dialer.ts';
import { decide, type FlowPolicy, type KnownFlow, type RuleMatcher } from '../../../core/tunnel/policy.ts';

const policies = ['no-udp', 'far', 'no-udp', 'PASS', 'DIRECT'];
const none: MatchedRule = { index: -1, type: 'NONE', payload: '', policy: 'DIRECT' };

/** So many rules, every one of which matches. */
function matcher(count = policies.length): RuleMatcher {
  const rules = policies
    .slice(0, count)
    .map((policy, index): MatchedRule => ({ index, type: 'MATCH', payload: '', policy }));
  return {
    needsProcess: () => false,
    match: (_metadata, _resolveIp, { from = 0 } = {}) => ({ rule: rules[from] ?? none }),
  };
}

function policy(rules: RuleMatcher): FlowPolicy {
  const route = (tag: string) => {
    const passes = tag === 'PASS' ? { passes: true as const } : {};
    const outbound = { tag, carriesUdp: tag !== 'no-udp', ...passes } as Outbound;
    return tag === 'missing' ? undefined : { outbound, chain: [tag] };
  };
  return {
    rules,
    policies: { route, dialFailed: () => undefined },
    ownServers: { all: () => [], isProxyBehind: () => false },
  };
}

const metadataOf = (network: Network): Metadata => ({
  network,
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host: 'a.example', port: 443 },
  originalDestination: { host: '198.18.3.4', port: 443 },
});
const flow = (network: Network): KnownFlow => {
  const metadata = metadataOf(network);
  return { metadata, withProcess: () => Promise.resolve(metadata) };
};
const resolve = () => Promise.resolve(undefined);

describe('a download that says itself what it takes', () => {
  const wanting = (policyName: string): KnownFlow => {
    const metadata: Metadata = { ...metadataOf('tcp'), door: { type: 'HTTPS', port: 1, user: '', policy: policyName } };
    return { metadata, withProcess: () => expect.unreachable() };
  };

  test('takes it, whatever the rules say', async () => {
    expect(await decide(policy(matcher()), wanting('far'), resolve)).toMatchObject({
      rule: { index: -1, type: 'DOWNLOAD', policy: 'far' },
      route: { chain: ['far'] },
    });
  });

  test.each(['missing', 'PASS'])('goes nowhere by %s', async (name) => {
    await expect(decide(policy(matcher()), wanting(name), resolve)).rejects.toMatchObject({ code: 'DIAL_REJECTED' });
  });
});

test('a rule that leads to PASS is passed over, and a flow that none is left for goes DIRECT', async () => {
  const passing = (count: number): FlowPolicy => ({
    ...policy(matcher(count)),
    policies: {
      route: (tag) => ({
        outbound: { tag, carriesUdp: true, ...(tag === 'no-udp' ? { passes: true as const } : {}) } as Outbound,
        chain: [tag],
      }),
      dialFailed: () => undefined,
    },
  });
  for (const network of ['tcp', 'udp'] as const) {
    expect(await decide(passing(4), flow(network), resolve)).toMatchObject({ rule: { index: 1 } });
    expect(await decide(passing(1), flow(network), resolve)).toMatchObject({ rule: none });
  }
});

test.each(['tcp', 'udp'] as const)(
  '%s that PASS takes by the mode is refused, not sent around the proxy',
  async (network) => {
    const byMode: RuleMatcher = {
      needsProcess: () => false,
      match: (_metadata, _resolveIp, { from = 0 } = {}) => ({
        rule: from === 0 ? { index: -1, type: 'MODE', payload: 'global', policy: 'PASS' } : none,
      }),
    };
    await expect(decide(policy(byMode), flow(network), resolve)).rejects.toMatchObject({ code: 'DIAL_REJECTED' });
  },
);

test('TCP takes the first rule', async () => {
  expect(await decide(policy(matcher()), flow('tcp'), resolve)).toMatchObject({
    rule: { index: 0 },
    route: { chain: ['no-udp'] },
  });
});

describe('UDP', () => {
  test('goes on to a rule whose outbound carries it', async () => {
    expect(await decide(policy(matcher()), flow('udp'), resolve)).toMatchObject({
      rule: { index: 1 },
      route: { chain: ['far'] },
    });
  });

  test('is refused, not sent around the proxy, when no rule is left', async () => {
    await expect(decide(policy(matcher(1)), flow('udp'), resolve)).rejects.toMatchObject({
      code: 'DIAL_REJECTED',
      message: expect.stringContaining('no-udp'),
    });
  });
});

test('what a policy passes on goes to the rules below, TCP too, with what was looked up', async () => {
  const seen: unknown[] = [];
  const rules: RuleMatcher = {
    needsProcess: () => false,
    match: (_metadata, _resolveIp, options) => {
      seen.push(options);
      const index = options?.from ?? 0;
      return {
        rule: { index, type: 'MATCH', payload: '', policy: index < 2 ? 'PASS' : 'far' },
        asked: { ip: '192.0.2.1' },
      };
    },
  };
  expect(await decide(policy(rules), flow('tcp'), resolve)).toMatchObject({ rule: { index: 2 } });
  const asked = { ip: '192.0.2.1' };
  expect(seen).toEqual([
    { from: 0, asked: undefined },
    { from: 1, asked },
    { from: 2, asked },
  ]);
});

test('the program is looked for only when rules want it, also behind what was passed on', async () => {
  const process = { pid: 1, uid: 1, name: 'curl', path: '/bin/curl' };
  const names: (string | undefined)[] = [];
  const rules: RuleMatcher = {
    needsProcess: (_metadata, from) => from === 1,
    match: (metadata, _resolveIp, options) => {
      names.push(metadata.process?.name);
      const index = options?.from ?? 0;
      return { rule: { index, type: 'MATCH', payload: '', policy: index === 0 ? 'PASS' : 'far' } };
    },
  };
  const metadata = metadataOf('tcp');
  await decide(policy(rules), { metadata, withProcess: async () => ({ ...metadata, process }) }, resolve);
  expect(names).toEqual([undefined, 'curl']);
});

test('without any rule at all it is DIRECT', async () => {
  expect(await decide(policy(matcher(0)), flow('udp'), resolve)).toMatchObject({
    rule: none,
    route: { chain: ['DIRECT'] },
  });
});

test('an address that was looked up is passed on', async () => {
  const rules: RuleMatcher = {
    needsProcess: () => false,
    match: async (_metadata, resolveIp) => ({ rule: none, resolved: (await resolveIp('a.example')) ?? '' }),
  };
  expect(await decide(policy(rules), flow('tcp'), () => Promise.resolve('192.0.2.1'))).toMatchObject({
    resolved: '192.0.2.1',
  });
});

test('a policy that nothing has is our defect', async () => {
  const rules: RuleMatcher = { needsProcess: () => false, match: () => ({ rule: { ...none, policy: 'missing' } }) };
  await expect(decide(policy(rules), flow('tcp'), resolve)).rejects.toMatchObject({ code: 'INTERNAL' });
});
