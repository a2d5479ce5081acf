import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ruleSchema } from '../../../core/contract/config.ts';
import { ruleTypes } from '../../../core/contract/rule-types.ts';
import { ExpressionRoom } from '../../../core/rule/expression-room.ts';
import { readPayload } from '../../../core/rule/rule-kinds.ts';
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
    ['IP-CIDR,10.0.0.0/8,DIRECT,src', ['SRC-IP-CIDR', '10.0.0.0/8', 'DIRECT', false], 19],
    ['IP-CIDR6,fe80::/10,x,no-resolve,SRC', ['SRC-IP-CIDR', 'fe80::/10', 'x', false], 19],
    ['SRC-IP-CIDR,192.168.1.201/32,DIRECT', ['SRC-IP-CIDR', '192.168.1.201/32', 'DIRECT', false], 29],
    ['SRC-PORT,7777/8000-9000,x', ['SRC-PORT', '7777/8000-9000', 'x', false], 24],
    ['NETWORK,UDP,REJECT', ['NETWORK', 'udp', 'REJECT', false], 12],
    ['PROCESS-NAME,Google Chrome,x', ['PROCESS-NAME', 'Google Chrome', 'x', false], 27],
    ['PROCESS-PATH,/usr/bin/curl,x', ['PROCESS-PATH', '/usr/bin/curl', 'x', false], 27],
    ['DOMAIN-REGEX,^ads[0-9]{1,3}\\.,my proxy', ['DOMAIN-REGEX', '^ads[0-9]{1,3}\\.', 'my proxy', false], 30],
    ['MATCH,DIRECT', ['MATCH', '', 'DIRECT', false], 6],
  ])('%s', (line, [type, payload, policy, noResolve], policyOffset) => {
    expect(parseRule(line)).toEqual({
      kind: 'rule',
      rule: { type, payload, policy, noResolve },
      policyOffset,
      notes: [],
    });
  });

  test.each([
    ['DOMAIN,a.example,DIRECT,no-resolve', 'a.example', 'RULE_OPTION_IGNORED', 24],
    ['DOMAIN,a.example,DIRECT,src', 'a.example', 'RULE_OPTION_IGNORED', 24],
    ['IP-CIDR,10.0.0.0/8,DIRECT,no-dns', '10.0.0.0/8', 'RULE_OPTION_IGNORED', 26],
    ['MATCH,DIRECT,no-resolve', '', 'RULE_OPTION_IGNORED', 13],
    ['  FINAL,DIRECT', '', 'RULE_FINAL', 2],
    ['FINAL,,DIRECT', '', 'RULE_FINAL', 0],
    ['DOMAIN-SUFFIX,.example,DIRECT', 'example', 'RULE_SUFFIX_DOT', 14],
    ['DOMAIN-SUFFIX, +.a.example,DIRECT', 'a.example', 'RULE_SUFFIX_DOT', 15],
    ['DOMAIN-SUFFIX,*.a.example,DIRECT', 'a.example', 'RULE_SUFFIX_DOT', 14],
    ['IP-CIDR,10.0.0.1,DIRECT', '10.0.0.1/32', 'RULE_PREFIX_LENGTH', 8],
    ['IP-CIDR6,2001:db8::1,DIRECT', '2001:db8::1/128', 'RULE_PREFIX_LENGTH', 9],
    ['DST-PORT,80/99999,DIRECT', '80', 'RULE_NUMBER_LEFT_OUT', 12],
  ])('%s is read, and something is told', (line, payload, code, offset) => {
    expect(parseRule(line)).toMatchObject({
      kind: 'rule',
      rule: { payload, policy: 'DIRECT' },
      notes: [{ code, offset }],
    });
  });

  test.each([
    ['DST-PORT,80-,DIRECT', 9],
    ['DST-PORT,2000-1000,DIRECT', undefined],
    ['DST-PORT,0-65535,DIRECT', undefined],
    ['DST-PORT,80//443/,DIRECT', undefined],
  ])('ports: %s', (line, wrong) => {
    const parsed = parseRule(line);
    expect(parsed.kind === 'rule' ? undefined : parsed.note.offset).toBe(wrong);
  });
});

describe('lines that can match nothing: left out', () => {
  test.each([
    ['DOMAIN,*.example,DIRECT', 7],
    ['DOMAIN,10.0.0.1,DIRECT', 7],
    ['DOMAIN,http://a.example/,DIRECT', 7],
    ['DOMAIN-SUFFIX,10.0.0.1,DIRECT', 14],
    ['DOMAIN-SUFFIX,Mijia Cloud,DIRECT', 14],
    ['DOMAIN-KEYWORD,goo gle,DIRECT', 18],
    ['DOMAIN-KEYWORD,*ads*,DIRECT', 15],
    ['DST-PORT,0,DIRECT', 9],
    ['DST-PORT,65536/70000,DIRECT', 9],
  ])('%s', (line, offset) => {
    expect(parseRule(line)).toMatchObject({ kind: 'never', note: { offset } });
  });
});

describe('lines that are refused, with the place', () => {
  test.each([
    ['', 0, 'RULE_NO_TYPE'],
    ['   ', 0, 'RULE_NO_TYPE'],
    [',a,b', 0, 'RULE_NO_TYPE'],
    ['DOMAINS,a.example,DIRECT', 0, 'RULE_UNKNOWN_TYPE'],
    ['DOMAIN', 6, 'RULE_NO_PAYLOAD'],
    ['DOMAIN-KEYWORD,,DIRECT', 15, 'RULE_NO_PAYLOAD'],
    ['DOMAIN,a.example', 16, 'RULE_NO_POLICY'],
    ['DOMAIN,a.example, ', 18, 'RULE_NO_POLICY'],
    ['IP-CIDR,10.0.0.0/33,DIRECT', 8, 'NOT_A_PREFIX'],
    ['IP-CIDR,10.0.0/8,DIRECT', 8, 'NOT_A_PREFIX'],
    ['IP-CIDR6,2001:db8::/129,DIRECT', 9, 'NOT_A_PREFIX'],
    ['DST-PORT,80/http,DIRECT', 12, 'RULE_NOT_A_NUMBER'],
    ['DST-PORT,*,DIRECT', 9, 'RULE_NOT_A_NUMBER'],
    ['MATCH', 5, 'RULE_NO_POLICY'],
    ['MATCH,', 6, 'RULE_NO_POLICY'],
    [`DOMAIN-KEYWORD,${'a'.repeat(1025)},DIRECT`, 15, 'RULE_PAYLOAD_TOO_LONG'],
    [`MATCH,${'a'.repeat(256)}`, 6, 'RULE_POLICY_TOO_LONG'],
  ])('%s', (line, offset, code) => {
    expect(parseRule(line)).toMatchObject({ kind: 'invalid', note: { offset, code } });
  });

  test.each([
    ['DST-PORT,80,443,DIRECT', 12, 'DST-PORT,80/443,DIRECT'],
    ['DST-PORT, 80, 443, 1000-2000, My Proxy', 14, 'DST-PORT,80/443/1000-2000,My Proxy'],
  ])('%s: the comma is to blame', (line, offset, write) => {
    expect(parseRule(line)).toMatchObject({
      kind: 'invalid',
      note: { offset, code: 'RULE_PORT_COMMA', hint: { write } },
    });
  });

  test('a policy may be a number', () => {
    expect(parseRule('DST-PORT,80,443')).toMatchObject({ kind: 'rule', rule: { payload: '80', policy: '443' } });
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
        if (parsed.kind === 'rule') {
          expect(ruleSchema.safeParse(parsed.rule).success).toBe(true);
          expect(text.slice(parsed.policyOffset).startsWith(parsed.rule.policy)).toBe(true);
          // What the parser lets through compiles as it is.
          expect(readPayload(parsed.rule.type, parsed.rule.payload)).toEqual({
            kind: 'ok',
            payload: parsed.rule.payload,
            notes: expect.any(Array),
          });
        }
        for (const { offset } of parsed.kind === 'rule' ? parsed.notes : [parsed.note]) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset).toBeLessThanOrEqual(text.length);
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
        const { type, payload, policy, noResolve } =
          parsed.kind === 'rule' ? parsed.rule : expect.unreachable(parsed.note.code);
        const written = [type, ...(type === 'MATCH' ? [] : [payload]), policy, ...(noResolve ? ['no-resolve'] : [])];
        expect(parseRule(written.join(','))).toMatchObject({
          kind: 'rule',
          rule: { type, payload, policy, noResolve },
        });
      }),
      { numRuns: 300 },
    );
  });
});

test('the regular expressions of a list have a bound together', () => {
  const room = new ExpressionRoom();
  const rule = { type: 'DOMAIN-REGEX', payload: '[a-z]{900}', policy: 'x', noResolve: false } as const;
  const held = Array.from({ length: 100 }, () => room.holds(rule));
  expect(held.indexOf(false)).toBeGreaterThan(5);
  expect(held.indexOf(false)).toBeLessThan(50);
  expect(new ExpressionRoom().holds({ ...rule, type: 'DOMAIN-KEYWORD' })).toBe(true);
});
