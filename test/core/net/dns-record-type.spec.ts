import { expect, test } from 'vitest';
import { parseRecordType, recordTypeName, recordTypeNumber } from '../../../core/net/dns-record-type.ts';

test('every number has a name that leads back to it', () => {
  const numbers = Array.from({ length: 65_536 }, (_, number) => number);
  expect(numbers.filter((number) => recordTypeNumber(recordTypeName(number)) !== number)).toEqual([]);
});

test.each([
  ['aaaa', 'AAAA'],
  ['type65', 'HTTPS'],
  ['TYPE4711', 'TYPE4711'],
  ['TYPE0', undefined],
  ['TYPE65536', undefined],
  ['constructor', undefined],
  ['', undefined],
])('people write %j and mean %j', (text, type) => {
  expect(parseRecordType(text)).toBe(type);
});
