import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { methods } from '../../../core/contract/rpc.ts';
import { type Checked, checkInSteps } from '../../../core/rpc/sliced-check.ts';

const schema = methods.applyConfig.params;

function check(type: z.ZodType, value: unknown): Checked & { steps: number } {
  const steps = checkInSteps(type, value);
  for (let count = 1; ; count++) {
    const { done, value: result } = steps.next();
    if (done === true) return { ...result, steps: count };
  }
}

const rules = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    type: 'DOMAIN' as const,
    payload: `h${i}.example`,
    policy: 'DIRECT',
    noResolve: false,
  }));
const many: Config = {
  ...defaultConfig,
  rules: rules(500),
  dns: {
    ...defaultConfig.dns,
    fakeIpFilter: { mode: 'blacklist', patterns: rules(300).map(({ payload }) => payload) },
    hosts: Object.fromEntries(rules(200).map(({ payload }) => [payload, ['192.0.2.1']])),
    nameserverPolicy: [{ patterns: rules(200).map(({ payload }) => payload), servers: [{ kind: 'system' }] }],
  },
};

test('a good configuration is as safeParse gives it, in steps', () => {
  const result = check(schema, { config: many });
  expect(result).toMatchObject({ ok: true, value: schema.parse({ config: many }) });
  expect(result.steps).toBeGreaterThan(30);
});

describe('whatever is changed in it, it is refused or accepted as safeParse does', () => {
  const places: [string, (config: Config, value: unknown) => unknown][] = [
    ['a rule', (config, value) => ({ ...config, rules: [...config.rules.slice(0, 400), value] })],
    ['a field of a rule', (config, value) => ({ ...config, rules: [{ ...config.rules[0], payload: value }] })],
    ['the rules', (config, value) => ({ ...config, rules: value })],
    ['an unknown key', (config, value) => ({ ...config, more: value })],
    ['a key with a name like others', (config, value) => ({ ...config, constructor: value })],
    ['the mixed port', (config, value) => ({ ...config, mixed: value })],
    ['a filter', (config, value) => ({ ...config, dns: { ...config.dns, fakeIpFilter: value } })],
    [
      'a pattern',
      (config, value) => ({
        ...config,
        dns: { ...config.dns, fakeIpFilter: { mode: 'whitelist', patterns: [value] } },
      }),
    ],
    ['the nameservers', (config, value) => ({ ...config, dns: { ...config.dns, nameserver: value } })],
    ['a host', (config, value) => ({ ...config, dns: { ...config.dns, hosts: { 'a.example': value } } })],
    ['the whole', (_config, value) => value],
  ];
  test.each(places)('%s', (_, put) => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(
        undefined,
        [],
        {},
        null,
        'x'.repeat(2_000),
        ['x'],
        { mode: 'rule', rules: [] },
        { kind: 'system' },
        [{ kind: 'system' }],
        { address: '127.0.0.1', port: 7_890, users: [] },
        rules(1)[0],
        rules(2),
        { mode: 'rule', rules: [{ type: 'MATCH', payload: '', answer: 'fake-ip' }] },
      ),
    );
    fc.assert(
      fc.property(value, (each) => {
        const params = { config: put(many, each) };
        const expected = schema.safeParse(params);
        const result = check(schema, params);
        expect(result.ok).toBe(expected.success);
        if (result.ok) expect(result.value).toEqual(expected.data);
      }),
      { numRuns: 30 },
    );
  });
});

test.each([
  ['too many', Array.from({ length: 33 }, () => ({ kind: 'system' }))],
  ['too few', []],
])('%s of a list are refused', (_, nameserver) => {
  expect(check(schema, { config: { ...defaultConfig, dns: { ...defaultConfig.dns, nameserver } } }).ok).toBe(false);
});

test('a problem is told with its place, cut, and without the value', () => {
  const secret = 'hunter2'.repeat(100);
  for (const config of [
    { ...many, [secret.repeat(1_000)]: 1 },
    { ...many, rules: [...many.rules, { ...many.rules[0], type: secret }] },
    { ...many, mixed: { address: '127.0.0.1', port: secret, users: [] } },
  ]) {
    const result = check(schema, { config });
    expect(result.ok ? '' : result.problem.length).toBeLessThan(501);
  }
  expect(check(schema, { config: { ...many, rules: [...many.rules, { type: 'x' }] } })).toMatchObject({
    problem: expect.stringContaining('config.rules.500') as string,
  });
});

test('all methods have schemas that it knows to walk through', () => {
  for (const { params } of Object.values(methods)) expect(check(params, {}).ok).toBe(params.safeParse({}).success);
});
