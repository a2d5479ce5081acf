import { describe, expect, test } from 'vitest';
import { type DomainEntry, DomainTable } from '../../../core/rule/domain-table.ts';
import { noRule } from '../../../core/rule/no-rule.ts';

const entries = (...list: [DomainEntry['type'], string][]): DomainEntry[] =>
  list.map(([type, payload], index) => ({ type, payload, index }));

describe('lookup', () => {
  test('gives the lowest index below the limit, else the limit', () => {
    const table = new DomainTable(
      entries(['DOMAIN-SUFFIX', 'b.example'], ['DOMAIN', 'a.b.example'], ['DOMAIN-SUFFIX', 'example'], ['DOMAIN', 'x']),
    );
    expect(table.lookup('a.b.example', noRule)).toBe(0);
    expect(table.lookup('c.example', noRule)).toBe(2);
    expect(table.lookup('c.example', 2)).toBe(2);
    expect(table.lookup('c.example', 1)).toBe(1);
    expect(table.lookup('other', noRule)).toBe(noRule);
    expect(table.lookup('', noRule)).toBe(noRule);
  });

  test('of equal payloads the first stays, whatever their case', () => {
    const table = new DomainTable(entries(['DOMAIN', 'A.example'], ['DOMAIN', 'a.Example.']));
    expect(table.lookup('a.example', noRule)).toBe(0);
  });

  test('a dot in a keyword is a dot', () => {
    const table = new DomainTable(entries(['DOMAIN-KEYWORD', 'a.b'], ['DOMAIN-KEYWORD', 'c-d_e']));
    expect(table.lookup('axb.example', noRule)).toBe(noRule);
    expect(table.lookup('xa.bx', noRule)).toBe(0);
    expect(table.lookup('c-d_e', noRule)).toBe(1);
  });

  test.each([1, 2, 1000, 1001])('%i keywords: the first that occurs decides', (count) => {
    const table = new DomainTable(
      entries(
        ...Array.from({ length: count }, (_, i) => ['DOMAIN-KEYWORD', `k${i}x`] as [DomainEntry['type'], string]),
      ),
    );
    expect(table.lookup(`www.k${count - 1}x-k0x.example`, noRule)).toBe(0);
    expect(table.lookup(`www.k${count - 1}x.example`, noRule)).toBe(count - 1);
    expect(table.lookup('www.example', noRule)).toBe(noRule);
  });

  test('none of 20,000 names is lost, none is invented', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `n${i}.d${i % 97}.example`);
    const table = new DomainTable(
      names.map((payload, index) => ({ type: index % 2 ? 'DOMAIN' : 'DOMAIN-SUFFIX', payload, index })),
    );
    for (const [index, name] of names.entries()) {
      expect(table.lookup(name, noRule)).toBe(index);
      expect(table.lookup(`www.${name}`, noRule)).toBe(index % 2 ? noRule : index);
    }
    expect(table.lookup('n0.d1.example', noRule)).toBe(noRule);
  });
});
