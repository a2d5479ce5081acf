/** Compiled rules of every type give the verdicts of rules that are read one after the other, and ask equally often. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';
import { runs } from '../../support/runs.ts';
import {
  configsOf,
  connection,
  ip,
  type MadeRules,
  type MadeSets,
  madeRules,
  madeSets,
  name,
  ruleSetsOf,
  subRulesOf,
} from './made-rules.ts';
import { NaiveRules } from './naive-rules.ts';

const address = fc.option(ip, { nil: undefined });
const many = runs(300);

function engineOf(rules: MadeRules, sets: MadeSets): RuleEngine {
  return new RuleEngine(configsOf(rules.main), { subRules: subRulesOf(rules), sets: ruleSetsOf(sets) });
}

test('match == explain == naive', async () => {
  const connections = fc.array(fc.tuple(connection, address), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(madeRules(), madeSets, connections, async (rules, sets, flows) => {
      const engine = engineOf(rules, sets);
      for (const [metadata, found] of flows) {
        const asked = { match: 0, explain: 0 };
        const { rule, resolved } = await engine.match(metadata, async () => ((asked.match += 1), found));
        const explained = await engine.explain(metadata, async () => ((asked.explain += 1), found));
        const naive = new NaiveRules(rules, sets, metadata, found);
        const expected = naive.find();
        expect({ index: rule.index, policy: rule.policy, asked: asked.match, resolved }).toEqual({
          ...expected,
          asked: naive.asked,
          resolved: naive.resolved,
        });
        expect({ rule: explained.rule, resolved: explained.resolved, asked: asked.explain }).toEqual({
          rule,
          resolved,
          asked: asked.match,
        });
        // The steps are evaluated one by one, without the tables: they must tell the same story.
        const end = expected.index < 0 ? rules.main.length : expected.index + 1;
        expect(explained.steps.map((step) => step.index)).toEqual([...Array(end).keys()]);
        expect(explained.steps.findIndex((step) => step.hit)).toBe(expected.index);
        if (expected.index >= 0) expect(explained.steps.at(-1)?.policy).toBe(expected.policy);
      }
    }),
    many,
  );
});

test('a policy that passes on: the rules below, with what was looked up before', async () => {
  await fc.assert(
    fc.asyncProperty(madeRules(), madeSets, connection, address, async (rules, sets, metadata, found) => {
      const engine = engineOf(rules, sets);
      const naive = new NaiveRules(rules, sets, metadata, found);
      let asked = 0;
      let known: { readonly ip?: string } | undefined;
      let last = '';
      for (let from = 0; ; ) {
        const match = await engine.match(metadata, async () => ((asked += 1), found), { from, asked: known });
        expect({ index: match.rule.index, policy: match.rule.policy }).toEqual(naive.find(from));
        last = match.rule.policy;
        if (match.rule.index < 0 || match.rule.policy === 'q') break;
        from = match.rule.index + 1;
        known = match.asked;
      }
      expect(asked).toBe(naive.asked);
      const explained = await engine.explain(
        metadata,
        async () => found,
        (policy) => (policy === 'q' ? undefined : 'PASSED'),
      );
      expect(explained.rule.policy).toBe(last);
    }),
    many,
  );
});

test('a program that need not be known makes no difference', async () => {
  await fc.assert(
    fc.asyncProperty(madeRules(), madeSets, connection, address, async (rules, sets, metadata, found) => {
      const { process, ...unknown } = metadata;
      const engine = engineOf(rules, sets);
      if (process === undefined || engine.needsProcess(unknown)) return;
      const seen = await engine.match({ ...unknown, process }, async () => found);
      expect((await engine.match(unknown, async () => found)).rule).toEqual(seen.rule);
    }),
    many,
  );
});

test('a name for which no rule is left to know: every connection to it takes that policy', async () => {
  await fc.assert(
    fc.asyncProperty(madeRules(), madeSets, name, connection, address, async (rules, sets, host, rest, found) => {
      const engine = engineOf(rules, sets);
      const { policy, before } = engine.byName(host);
      const { domainSource: _, ...plain } = rest;
      const metadata = { ...plain, destination: { ...rest.destination, host } };
      const { rule: seen } = await engine.match(metadata, async () => found);
      expect([policy, ...before]).toContain(seen.policy);
    }),
    many,
  );
});

test('a bare address whose policy is certain: no name changes it', async () => {
  await fc.assert(
    fc.asyncProperty(madeRules(), madeSets, name, connection, ip, async (rules, sets, host, rest, target) => {
      const engine = engineOf(rules, sets);
      const { domainSource: _, ...plain } = rest;
      const to = { host: target, port: rest.destination.port };
      const { policy, certain } = engine.byAddress({ ...plain, destination: to, originalDestination: to });
      if (!certain) return;
      const named = {
        ...plain,
        destination: { host, port: to.port },
        originalDestination: to,
        domainSource: 'sniffed' as const,
      };
      expect((await engine.match(named, async () => undefined)).rule.policy).toBe(policy);
    }),
    many,
  );
});
