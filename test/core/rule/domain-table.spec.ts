import { describe, expect, test } from 'vitest';
import { DomainTable } from '../../../core/rule/domain-table.ts';
import { noRule } from '../../../core/rule/no-rule.ts';
import type { RuleEntry } from '../../../core/rule/rule-kind.ts';

const entries = (...list: [RuleEntry['type'], string][]): RuleEntry[] =>
  list.map(([type, payload], index) => ({ type, payload, index }));

describe('lookup', () => {
  test('gives the lowest index below the limit, else the limit', () => {
    const table = new DomainTable(
      entries(['DOMAIN-SUFFIX', 'b.example'], ['DOMAIN', 'a.b.example'], ['DOMAIN-SUFFIX', 'example'], ['DOMAIN', 'x']),
    );
    expect(table.lookup('a.b.example', 0, noRule)).toBe(0);
    expect(table.lookup('c.example', 0, noRule)).toBe(2);
    expect(table.lookup('c.example', 0, 2)).toBe(2);
    expect(table.lookup('c.example', 0, 1)).toBe(1);
    expect(table.lookup('other', 0, noRule)).toBe(noRule);
    expect(table.lookup('', 0, noRule)).toBe(noRule);
  });

  test('of equal payloads the first stays, whatever their case', () => {
    const table = new DomainTable(entries(['DOMAIN', 'A.example'], ['DOMAIN', 'a.Example.']));
    expect(table.lookup('a.example', 0, noRule)).toBe(0);
  });

  test('a dot in a keyword is a dot', () => {
    const table = new DomainTable(entries(['DOMAIN-KEYWORD', 'a.b'], ['DOMAIN-KEYWORD', 'c-d_e']));
    expect(table.lookup('axb.example', 0, noRule)).toBe(noRule);
    expect(table.lookup('xa.bx', 0, noRule)).toBe(0);
    expect(table.lookup('c-d_e', 0, noRule)).toBe(1);
  });

  test.each([1, 2, 1000, 1001])('%i keywords: the first that occurs decides', (count) => {
    const table = new DomainTable(
      entries(...Array.from({ length: count }, (_, i) => ['DOMAIN-KEYWORD', `k${i}x`] as [RuleEntry['type'], string])),
    );
    expect(table.lookup(`www.k${count - 1}x-k0x.example`, 0, noRule)).toBe(0);
    expect(table.lookup(`www.k${count - 1}x.example`, 0, noRule)).toBe(count - 1);
    expect(table.lookup('www.example', 0, noRule)).toBe(noRule);
  });

  test('none of 20,000 names is lost, none is invented', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `n${i}.d${i % 97}.example`);
    const table = new DomainTable(
      names.map((payload, index) => ({ type: index % 2 ? 'DOMAIN' : 'DOMAIN-SUFFIX', payload, index })),
    );
    for (const [index, name] of names.entries()) {
      expect(table.lookup(name, 0, noRule)).toBe(index);
      expect(table.lookup(`www.${name}`, 0, noRule)).toBe(index % 2 ? noRule : index);
    }
    expect(table.lookup('n0.d1.example', 0, noRule)).toBe(noRule);
  });
});
