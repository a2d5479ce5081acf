import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ruleSchema, ruleTypes } from '../../../core/contract/config.ts';
import { parseRule } from '../../../core/rule/rule-parser.ts';

describe('lines that are understood', () => {
  test.each([
    ['DOMAIN,www.example.com,DIRECT', ['DOMAIN', 'www.example.com', 'DIRECT', false], 23],
    [' domain-suffix , Example.COM , my proxy ', ['DOMAIN-SUFFIX', 'Example.COM', 'my proxy', false], 31],
    ['DOMAIN-SUFFIX,测试,代理', ['DOMAIN-SUFFIX', '测试', '代理', false], 17],
    ['DOMAIN-KEYWORD,google,REJECT', ['DOMAIN-KEYWORD', 'google', 'REJECT', false], 22],
    ['IP-CIDR,10.0.0.0/8,DIRECT', ['IP-CIDR', '10.0.0.0/8', 'DIRECT', false], 19],
    ['IP-CIDR,10.0.0.0/8,DIRECT,no-resolve', ['IP-CIDR', '10.0.0.0/8', 'DIRECT', true], 19],
    ['IP-CIDR,2001:db8::/32,DIRECT', ['IP-CIDR', '2001:db8::/32', 'DIRECT', false], 22],
    ['IP-CIDR6,2001:db8::/32,x, NO-RESOLVE', ['IP-CIDR6', '2001:db8::/32', 'x', true], 23],
    ['DST-PORT,80/443/1000-2000,x', ['DST-PORT', '80/443/1000-2000', 'x', false], 26],
    ['MATCH,DIRECT', ['MATCH', '', 'DIRECT', false], 6],
  ])('%s', (line, [type, payload, policy, noResolve], policyOffset) => {
    expect(parseRule(line)).toEqual({ ok: true, rule: { type, payload, policy, noResolve }, policyOffset });
  });

  test('no-resolve where it means nothing is told, not refused', () => {
    expect(parseRule('DOMAIN,a.example,DIRECT,no-resolve')).toMatchObject({
      ok: true,
      warning: { message: 'no-resolve has no effect on DOMAIN', offset: 24 },
    });
  });
});

describe('lines that are refused, with the place', () => {
  test.each([
    ['', 0, 'no type'],
    ['   ', 0, 'no type'],
    [',a,b', 0, 'no type'],
    ['DOMAINS,a.example,DIRECT', 0, '"DOMAINS" is no rule type'],
    ['  FINAL,DIRECT', 2, '"FINAL" is no rule type'],
    ['DOMAIN', 6, 'needs a payload'],
    ['DOMAIN,,DIRECT', 7, 'needs a payload'],
    ['DOMAIN,a.example', 16, 'policy is missing'],
    ['DOMAIN,a.example, ', 18, 'policy is missing'],
    ['DOMAIN,*.example,DIRECT', 7, 'wildcard'],
    ['DOMAIN-SUFFIX,.example,DIRECT', 14, 'empty label'],
    ['DOMAIN-SUFFIX,10.0.0.1,DIRECT', 14, 'is an address'],
    ['DOMAIN-KEYWORD,goo gle,DIRECT', 18, 'contains " "'],
    ['DOMAIN-KEYWORD,*ads*,DIRECT', 15, 'contains "*"'],
    ['IP-CIDR,10.0.0.0/33,DIRECT', 8, 'no IP prefix'],
    ['IP-CIDR,10.0.0/8,DIRECT', 8, 'no IP prefix'],
    ['IP-CIDR,10.0.0.1,DIRECT', 8, 'no prefix length'],
    ['IP-CIDR6,2001:db8::/129,DIRECT', 9, 'no IP prefix'],
    ['DST-PORT,80/443/99999,DIRECT', 16, 'out of range'],
    ['DST-PORT,2000-1000,DIRECT', 9, 'backwards'],
    ['IP-CIDR,10.0.0.0/8,DIRECT,no-dns', 26, 'no option'],
    ['DOMAIN,a.example,DIRECT,', 24, 'nothing stands after the comma'],
    ['MATCH', 5, 'policy is missing'],
    ['MATCH,', 6, 'policy is missing'],
    ['MATCH,*,DIRECT', 8, 'nothing else'],
    [`DOMAIN-KEYWORD,${'a'.repeat(1025)},DIRECT`, 15, 'longer than 1024'],
    [`MATCH,${'a'.repeat(256)}`, 6, 'longer than 255'],
  ])('%s', (line, offset, reason) => {
    const parsed = parseRule(line);
    expect(parsed).toMatchObject({ ok: false, problem: { kind: 'invalid', offset } });
    expect(parsed.ok ? '' : parsed.problem.message).toContain(reason);
  });

  test.each([
    ['GEOIP,CN,DIRECT', 0],
    ['geosite,cn,DIRECT', 0],
    ['RULE-SET,ads,REJECT', 0],
    ['AND,((NETWORK,UDP),(DST-PORT,443)),REJECT', 0],
    [' PROCESS-NAME,curl,DIRECT', 1],
    ['IP-CIDR,10.0.0.0/8,DIRECT,src', 26],
  ])('%s is known, but not supported yet', (line, offset) => {
    const parsed = parseRule(line);
    expect(parsed).toMatchObject({ ok: false, problem: { kind: 'unsupported', offset } });
    expect(parsed.ok ? '' : parsed.problem.message).toContain('not supported yet');
  });
});

describe('any text', () => {
  const field = fc.oneof(
    fc.constantFrom(
      ...ruleTypes,
      'GEOIP',
      'no-resolve',
      'src',
      'DIRECT',
      '10.0.0.0/8',
      'example.com',
      '80-90',
      ' ',
      '',
    ),
    fc.string(),
    fc.string({ unit: 'grapheme' }),
  );
  const line = fc.oneof(
    fc.string(),
    fc.array(field, { maxLength: 6 }).map((fields) => fields.join(',')),
  );

  test('is parsed to what the contract accepts, or to a problem inside the line', () => {
    fc.assert(
      fc.property(line, (text) => {
        const parsed = parseRule(text);
        if (parsed.ok) {
          expect(ruleSchema.safeParse(parsed.rule).success).toBe(true);
          expect(text.slice(parsed.policyOffset).startsWith(parsed.rule.policy)).toBe(true);
        } else {
          expect(parsed.problem.offset).toBeGreaterThanOrEqual(0);
          expect(parsed.problem.offset).toBeLessThanOrEqual(text.length);
          expect(parsed.problem.message).not.toBe('');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('what was parsed, written again, parses to the same', () => {
    const space = fc.constantFrom('', ' ', '\t');
    const spaced = (text: string) => fc.tuple(space, space).map(([before, after]) => `${before}${text}${after}`);
    const valid = fc
      .tuple(
        fc.constantFrom('DOMAIN,Ab.example', 'domain-suffix,测试', 'IP-CIDR,10.1.0.0/8', 'DST-PORT,1/2-3', 'MATCH'),
        fc
          .string({ unit: 'grapheme', minLength: 1, maxLength: 50 })
          .map((text) => text.replaceAll(',', '.').trim() || 'x'),
        fc.boolean(),
      )
      .map(([head, policy, noResolve]) => [
        ...head.split(','),
        policy,
        ...(noResolve && head !== 'MATCH' ? ['no-resolve'] : []),
      ])
      .chain((fields) => fc.tuple(...fields.map(spaced)).map((parts) => parts.join(',')));
    fc.assert(
      fc.property(valid, (text) => {
        const parsed = parseRule(text);
        const { type, payload, policy, noResolve } = parsed.ok
          ? parsed.rule
          : expect.unreachable(parsed.problem.message);
        const written = [type, ...(type === 'MATCH' ? [] : [payload]), policy, ...(noResolve ? ['no-resolve'] : [])];
        expect(parseRule(written.join(','))).toMatchObject({ ok: true, rule: { type, payload, policy, noResolve } });
      }),
      { numRuns: 300 },
    );
  });
});
