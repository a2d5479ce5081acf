/** MATCH: the rule that ends a list. */
import { KeyedIndexes } from '../keyed-indexes.ts';
import { bad, note, ok, type TestKind } from '../rule-kind.ts';

export const everything: TestKind = {
  is: 'test',
  fact: 'nothing',
  compile: (entries) => {
    const indexes = new KeyedIndexes();
    for (const { index } of entries) indexes.add('', index);
    return { lookup: (_facts, from, limit) => Math.min(limit, indexes.first('', from)) };
  },
  read: (payload) => (payload === '' ? ok(payload) : bad(note('RULE_MATCH_PAYLOAD', {}, { write: 'MATCH,policy' }))),
  matcher: () => () => true,
  why: () => ({ code: 'MATCH', values: {} }),
};
