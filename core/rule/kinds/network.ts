/** Rules about TCP and UDP. */

import { KeyedIndexes } from '../keyed-indexes.ts';
import { bad, note, ok, type TestKind } from '../rule-kind.ts';

export const network: TestKind = {
  is: 'test',
  fact: 'network',
  compile: (entries) => {
    const indexes = new KeyedIndexes();
    for (const { payload, index } of entries) indexes.add(payload, index);
    return { lookup: (facts, from, limit) => Math.min(limit, indexes.first(facts.network, from)) };
  },
  read(payload) {
    const word = payload.toLowerCase();
    if (word !== 'tcp' && word !== 'udp') return bad(note('RULE_NETWORK', { found: payload }, 'RULE_NETWORK'));
    return ok(word);
  },
  matcher: (payload) => (facts) => facts.network === payload,
  why: (payload, facts, hit) => ({
    code: hit ? 'NETWORK_IS' : 'NETWORK_IS_NOT',
    values: { network: facts.network.toUpperCase(), payload: payload.toUpperCase() },
  }),
};
