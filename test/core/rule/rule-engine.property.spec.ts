/** `match`, `explain` and a naive reading of the list, rule by rule, give the same verdict and ask equally often. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIp } from '../../../core/base/address.ts';
import { cidrContains, parseCidr } from '../../../core/base/cidr.ts';
import type { RuleConfig } from '../../../core/contract/config.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';

const label = fc.constantFrom('a', 'b', 'ab', 'ba', 'com');
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const ip = fc.oneof(
  fc.tuple(fc.constantFrom(10, 11), fc.constantFrom(0, 1, 128), fc.nat(3)).map(([a, b, c]) => `${a}.${b}.0.${c}`),
  fc.constantFrom('2001:db8::1', '2001:db8:1::', '::1'),
);
const cidr = fc.tuple(ip, fc.nat(128)).map(([text, bits]) => `${text}/${text.includes(':') ? bits : bits % 33}`);
const ports = fc.constantFrom('80', '443', '80/443', '1-100', '65535');
const payload: fc.Arbitrary<Pick<RuleConfig, 'type' | 'payload'>> = fc.oneof(
  name.map((text) => ({ type: 'DOMAIN' as const, payload: text.toUpperCase() })),
  name.map((text) => ({ type: 'DOMAIN-SUFFIX' as const, payload: text })),
  label.map((text) => ({ type: 'DOMAIN-KEYWORD' as const, payload: text })),
  fc
    .tuple(fc.constantFrom('IP-CIDR' as const, 'IP-CIDR6' as const), cidr)
    .map(([type, text]) => ({ type, payload: text })),
  ports.map((text) => ({ type: 'DST-PORT' as const, payload: text })),
);
const rule: fc.Arbitrary<RuleConfig> = fc
  .tuple(
    fc.oneof(
      { weight: 20, arbitrary: payload },
      { weight: 1, arbitrary: fc.constant({ type: 'MATCH' as const, payload: '' }) },
    ),
    fc.boolean(),
  )
  .map(([fields, noResolve]) => ({ ...fields, policy: 'p', noResolve }));

test('match == explain == naive', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { maxLength: 25 }),
      fc.array(fc.tuple(fc.oneof(name, ip), fc.constantFrom(80, 443, 65_535), fc.option(ip, { nil: undefined })), {
        minLength: 1,
        maxLength: 8,
      }),
      async (list, destinations) => {
        const engine = new RuleEngine(list);
        for (const [host, port, address] of destinations) {
          const metadata = flow(host, port);
          const asked = { match: 0, explain: 0 };
          const matched = await engine.match(metadata, async () => ((asked.match += 1), address));
          const explained = await engine.explain(metadata, async () => ((asked.explain += 1), address));
          const expected = naive(list, host, port, address);
          const seen = { index: matched.rule.index, asked: asked.match, resolved: matched.resolved };
          expect(seen).toEqual(expected);
          expect({ rule: explained.rule, resolved: explained.resolved, asked: asked.explain }).toEqual({
            rule: matched.rule,
            resolved: matched.resolved,
            asked: asked.match,
          });
          // The steps are evaluated one by one, without the tables: they must tell the same story.
          const end = expected.index < 0 ? list.length : expected.index + 1;
          expect(explained.steps.map((step) => step.index)).toEqual([...Array(end).keys()]);
          expect(explained.steps.findIndex((step) => step.hit)).toBe(expected.index);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('beginning at a later rule is the same as a list without the rules before it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 12 }),
      fc.nat(12),
      fc.oneof(name, ip),
      fc.option(ip, { nil: undefined }),
      async (list, from, host, address) => {
        const asked = { late: 0, shorter: 0 };
        const late = await new RuleEngine(list).match(flow(host, 443), async () => ((asked.late += 1), address), from);
        const shorter = await new RuleEngine(list.slice(from)).match(
          flow(host, 443),
          async () => ((asked.shorter += 1), address),
        );
        const index = shorter.rule.index < 0 ? -1 : shorter.rule.index + from;
        expect({ ...late.rule, resolved: late.resolved }).toEqual({
          ...shorter.rule,
          index,
          resolved: shorter.resolved,
        });
        // One rule at a time asks only when it reaches an asking rule; the tables never ask more than once either.
        expect(asked.late).toBe(asked.shorter);
      },
    ),
    { numRuns: 400 },
  );
});

interface Verdict {
  index: number;
  asked: number;
  resolved: string | undefined;
}

function naive(list: RuleConfig[], host: string, port: number, address: string | undefined): Verdict {
  let known = parseIp(host);
  const named = known === undefined;
  let asked = 0;
  for (const [index, { type, payload: text, noResolve }] of list.entries()) {
    if (type.startsWith('IP-') && named && !noResolve && asked === 0) {
      asked = 1;
      known = address;
    }
    if (hits(type, text.toLowerCase(), named ? host : undefined, port, known)) {
      return { index, asked, resolved: named ? known : undefined };
    }
  }
  return { index: -1, asked, resolved: named ? known : undefined };
}

function hits(
  type: RuleConfig['type'],
  text: string,
  host: string | undefined,
  port: number,
  known: string | undefined,
): boolean {
  if (type === 'MATCH') return true;
  if (type === 'DST-PORT') {
    return text.split('/').some((item) => port >= Number(item.split('-')[0]) && port <= Number(item.split('-').at(-1)));
  }
  if (type === 'IP-CIDR' || type === 'IP-CIDR6') {
    const prefix = parseCidr(text);
    return prefix !== undefined && known !== undefined && cidrContains(prefix, known);
  }
  if (host === undefined) return false;
  if (type === 'DOMAIN') return host === text;
  return type === 'DOMAIN-SUFFIX' ? `.${host}`.endsWith(`.${text}`) : host.includes(text);
}

function flow(host: string, port: number): Metadata {
  return {
    network: 'tcp',
    inbound: 'tun',
    source: { host: '198.18.0.1', port: 40_000 },
    destination: { host, port },
    originalDestination: { host: '198.18.0.9', port },
  };
}
