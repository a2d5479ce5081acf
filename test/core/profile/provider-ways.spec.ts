/** Which policy the download of a provider takes, and when there is none to take. */
import { expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import type { ProviderPlace } from '../../../core/profile/provider-contents.ts';

const node = '{name: spoken, type: socks5, server: 192.0.2.1, port: 1}';
const text = (proxy: string) => `proxies: [${node}, {name: later, type: nothing, server: 192.0.2.1, port: 1}]
proxy-providers:
  nodes: {type: http, url: 'https://sub.example/n', proxy: ${proxy}}
rule-providers:
  list: {type: http, behavior: domain, url: 'https://sub.example/r', proxy: ${proxy}}
proxy-groups:
  - {name: full, type: select, proxies: [spoken]}
  - {name: outer, type: select, proxies: [full, later]}
  - {name: own, type: select, use: [nodes]}
  - {name: above, type: url-test, proxies: [own, later]}
rules: ['RULE-SET,list,own', 'MATCH,DIRECT']
`;

function waysOf(proxy: string) {
  const { wanted, problems } = loadProfile(text(proxy));
  const policyOf = (place: ProviderPlace | undefined) => (place?.kind === 'http' ? place.policy : place);
  const [set] = wanted?.sets ?? [];
  return {
    nodes: policyOf(wanted?.nodes[0]?.place),
    rules: set?.kind === 'provider' ? policyOf(set.provider.place) : set,
    told: problems.flatMap(({ code, path }) => (code === 'PROVIDER_POLICY' ? [path] : [])),
  };
}

test.each(['DIRECT', 'spoken', 'full', 'outer', 'GLOBAL'])('%s is taken', (policy) => {
  expect(waysOf(policy)).toEqual({ nodes: policy, rules: policy, told: [] });
});

test.each(['own', 'above', '""'])(
  '%s leads nowhere before there is something to choose: the rules decide',
  (policy) => {
    expect(waysOf(policy)).toEqual({ nodes: undefined, rules: undefined, told: [] });
  },
);

test.each(['nobody', 'direct'])('%s is not there, and that is told', (policy) => {
  const told = ['proxy-providers.nodes.proxy', 'rule-providers.list.proxy'];
  expect(waysOf(policy)).toEqual({ nodes: undefined, rules: undefined, told });
});
