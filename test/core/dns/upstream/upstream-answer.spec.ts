import { expect, test } from 'vitest';
import { readAnswer } from '../../../../core/dns/upstream/upstream-answer.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../../../core/net/dns-message.ts';

const question = { name: 'example.com', type: 'A' };
const query = queryFor(7, 'eXample.com', 'A', undefined);

const kindOf = (rcode: string, questions = query.questions, by: 'datagram' | 'connection' = 'datagram'): string =>
  readAnswer(encodeMessage({ ...responseTo(query, rcode), questions }), question, 7, by).kind;

test('an answer repeats the question', () => {
  for (const rcode of ['NOERROR', 'NXDOMAIN', 'SERVFAIL']) {
    expect(kindOf(rcode), rcode).toBe('answer');
    expect(kindOf(rcode, [{ name: 'other.example', type: 'A', class: 1 }]), rcode).toBe('foreign');
  }
});

test('a datagram may leave it out only to refuse: a denial without it could be made by anybody who guesses the id', () => {
  for (const rcode of ['FORMERR', 'NOTIMP', 'SERVFAIL', 'REFUSED']) expect(kindOf(rcode, []), rcode).toBe('answer');
  for (const rcode of ['NOERROR', 'NXDOMAIN']) {
    expect(kindOf(rcode, []), rcode).toBe('bad');
    expect(kindOf(rcode, [], 'connection'), rcode).toBe('answer');
  }
});
