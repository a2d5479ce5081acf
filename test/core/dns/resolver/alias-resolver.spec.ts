import { expect, test } from 'vitest';
import { AliasResolver } from '../../../../core/dns/resolver/alias-resolver.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { settle } from '../../../support/manual-clock.ts';
import { record } from '../upstream/fake-upstream.ts';
import { ScriptedResolver, TableResolver } from './scripted-resolver.ts';

const never = new AbortController().signal;
const alias = (name: string, to: string) => record(name, 'CNAME', to);
const a = (name: string) => record(name, 'A', '192.0.2.1');

test.each<[string, ConstructorParameters<typeof TableResolver>[0], string[], string[]]>([
  ['an address', { 'A x': [a('x')] }, ['A'], ['x']],
  ['an alias with its target', { 'A x': [alias('x', 'y'), a('y')] }, ['CNAME', 'A'], ['x']],
  ['an open alias', { 'A x': [alias('x', 'Y.')], 'A y': [a('y')] }, ['CNAME', 'A'], ['x', 'y']],
  [
    'open aliases, several in an answer, in any order',
    { 'A x': [alias('z', 'w'), alias('x', 'z')], 'A w': [alias('w', 'v')], 'A v': [a('v')] },
    ['CNAME', 'CNAME', 'CNAME', 'A'],
    ['x', 'w', 'v'],
  ],
  ['an alias to itself', { 'A x': [alias('x', 'x')] }, ['CNAME'], ['x']],
  ['aliases in a ring', { 'A x': [alias('x', 'y')], 'A y': [alias('y', 'x')] }, ['CNAME', 'CNAME'], ['x', 'y']],
  ['an alias of another name', { 'A x': [alias('q', 'y')] }, ['CNAME'], ['x']],
  ['a target that fails', { 'A x': [alias('x', 'y')], 'A y': 'SERVFAIL' }, ['CNAME'], ['x', 'y']],
  ['a target that cannot be asked for', { 'A x': [alias('x', 'y')], 'A y': 'throw' }, ['CNAME'], ['x', 'y']],
])('%s', async (_, table, types, asked) => {
  const inner = new TableResolver(table);
  const { message } = await new AliasResolver(inner).query({ name: 'x', type: 'A' }, never);
  expect(message.rcode).toBe('NOERROR');
  expect(message.answers.map(({ type }) => type)).toEqual(types);
  expect(inner.asked).toEqual(asked.map((name) => `A ${name}`));
});

test('a target that does not exist makes the answer a denial (RFC 6604), and a long chain is left open', async () => {
  const missing = new TableResolver({ 'A x': [alias('x', 'y')] });
  const denied = await new AliasResolver(missing).query({ name: 'x', type: 'A' }, never);
  expect(denied.message).toMatchObject({ rcode: 'NXDOMAIN', answers: [{ type: 'CNAME' }] });
  const chain = Array.from({ length: 30 }, (_, i) => [`A n${i}`, [alias(`n${i}`, `n${i + 1}`)]] as const);
  const long = new TableResolver(Object.fromEntries(chain));
  await new AliasResolver(long).query({ name: 'n0', type: 'A' }, never);
  expect(long.asked.length).toBeLessThan(12);
});

test('a SOA says that there is nothing behind the alias; an alias that was asked for is the answer', async () => {
  const inner = new ScriptedResolver();
  const resolver = new AliasResolver(inner);
  for (const [type, change] of [
    ['AAAA', { answers: [alias('x', 'y')], authorities: [denialSoa('y')] }],
    ['CNAME', { answers: [alias('x', 'y')] }],
    ['ANY', { answers: [alias('x', 'y')] }],
  ] as const) {
    const answer = resolver.query({ name: 'x', type }, never);
    inner.answer({ ...change, answers: [...change.answers] });
    expect((await answer).message.answers).toHaveLength(1);
  }
  expect(inner.asked).toHaveLength(3);
});

test.each([
  [true, true, true],
  [true, false, false],
  [false, true, false],
])('validated (%s) with a target that is (%s): %s in all', async (first, second, expected) => {
  const inner = new ScriptedResolver();
  const answer = new AliasResolver(inner).query({ name: 'x', type: 'A' }, never);
  inner.answer({ answers: [alias('x', 'y')], authenticData: first });
  await settle();
  inner.answer({ answers: [a('y')], authenticData: second });
  expect((await answer).message.authenticData).toBe(expected);
});
