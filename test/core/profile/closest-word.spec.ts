import { expect, test } from 'vitest';
import { closestWord } from '../../../core/profile/closest-word.ts';

const words = ['mixed-port', 'port', 'nameserver', 'udp', 'dns'];

test.each([
  ['mixed_port', 'mixed-port'],
  ['Mixed-Port', 'mixed-port'],
  ['mixport', undefined],
  ['namesever', 'nameserver'],
  ['nameservers', 'nameserver'],
  ['pot', 'port'],
  ['prot', undefined],
  ['upd', undefined],
  ['x', undefined],
  ['', undefined],
  ['p'.repeat(10_000), undefined],
])('%s: %s', (word, expected) => {
  expect(closestWord(word, words)).toBe(expected);
});
