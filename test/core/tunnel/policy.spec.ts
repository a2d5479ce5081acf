import { describe, expect, test } from 'vitest';
import type { MatchedRule } from '../../../core/contract/flow.ts';
import type { Metadata, Network } from '../../../core/flow/metadata.ts';
import type { Outbound } from '../../../core/outbound/dialer.ts';
import { decide, type FlowPolicy, type RuleMatcher } from '../../../core/tunnel/policy.ts';

const policies = ['no-udp', 'far', 'no-udp', 'DIRECT'];
const none: MatchedRule = { index: -1, type: 'NONE', payload: '', policy: 'DIRECT' };

/** So many rules, every one of which matches. */
function matcher(count = policies.length): RuleMatcher {
  const rules = policies
    .slice(0, count)
    .map((policy, index): MatchedRule => ({ index, type: 'MATCH', payload: '', policy }));
  return {
    needs: { process: false },
    match: (_metadata, _resolveIp, from = 0) => ({ rule: rules[from] ?? none }),
  };
}

function policy(rules: RuleMatcher): FlowPolicy {
  const route = (tag: string) => {
    const outbound = { tag, udp: tag !== 'no-udp' } as Outbound;
    return tag === 'missing' ? undefined : { outbound, chain: [tag] };
  };
  return { rules, outbounds: { route, get: (tag) => route(tag)?.outbound, localProxies: () => [] } };
}

const flow = (network: Network): Metadata => ({
  network,
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host: 'a.example', port: 443 },
  originalDestination: { host: '198.18.3.4', port: 443 },
});
const resolve = () => Promise.resolve(undefined);

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

test('without any rule at all it is DIRECT', async () => {
  expect(await decide(policy(matcher(0)), flow('udp'), resolve)).toMatchObject({
    rule: none,
    route: { chain: ['DIRECT'] },
  });
});

test('an address that was looked up is passed on', async () => {
  const rules: RuleMatcher = {
    needs: { process: false },
    match: async (_metadata, resolveIp) => ({ rule: none, resolved: (await resolveIp('a.example')) ?? '' }),
  };
  expect(await decide(policy(rules), flow('tcp'), () => Promise.resolve('192.0.2.1'))).toMatchObject({
    resolved: '192.0.2.1',
  });
});

test('a policy that nothing has is our defect', async () => {
  const rules: RuleMatcher = { needs: { process: false }, match: () => ({ rule: { ...none, policy: 'missing' } }) };
  await expect(decide(policy(rules), flow('tcp'), resolve)).rejects.toMatchObject({ code: 'INTERNAL' });
});
