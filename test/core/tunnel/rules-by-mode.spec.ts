/** In which modes the rules are asked, and what decides instead. */
import { expect, test } from 'vitest';
import type { PolicyMode } from '../../../core/contract/config.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { LastingPolicies } from '../../../core/outbound/lasting-policies.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';
import { RulesByMode } from '../../../core/tunnel/rules-by-mode.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { rule } from './stage.ts';

const flow: Metadata = {
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host: 'a.example', port: 443 },
  originalDestination: { host: '198.18.3.4', port: 443 },
};
const resolve = () => Promise.resolve(undefined);
const list = () => new RuleEngine([rule('PROCESS-NAME', 'curl', 'near'), rule('DOMAIN', 'a.example', 'far')]);

test.each([
  ['rule', 'far', 'DOMAIN'],
  ['global', 'GLOBAL', 'MODE'],
  ['direct', 'DIRECT', 'MODE'],
] as const)('mode %s leads to %s', async (mode, policy, type) => {
  const rules = new RulesByMode(list(), { current: mode, revision: 0 });
  expect(await rules.match(flow, resolve)).toMatchObject({ rule: { policy, type } });
  expect(await rules.explain(flow, resolve)).toMatchObject({ rule: { policy, type } });
  expect(rules.byName('a.example')).toMatchObject({ policy });
  expect(rules.withoutLookup(flow)).toBe(policy);
  expect(rules.byAddress(flow).certain).toBe(mode !== 'rule');
  expect(rules.needsProcess(flow)).toBe(mode === 'rule');
  // What the mode led to has passed the flow on.
  expect(await rules.match(flow, resolve, { from: 2 })).toMatchObject({ rule: { type: 'NONE', policy: 'DIRECT' } });
});

test('a chosen mode goes before that of the profile, and every change is another revision', () => {
  const lasting = new LastingPolicies(new ManualClock());
  const rules = new RulesByMode(list(), lasting.modeOver('direct'));
  const seen: (readonly [PolicyMode | null, string, number])[] = [];
  for (const mode of ['rule', 'rule', 'global', null] as const) {
    lasting.chooseMode(mode);
    seen.push([mode, rules.withoutLookup(flow), rules.revision]);
  }
  expect(seen).toEqual([
    ['rule', 'far', 1],
    ['rule', 'far', 1],
    ['global', 'GLOBAL', 2],
    [null, 'DIRECT', 3],
  ]);
});
