import { encode } from 'dns-packet';
import { expect, test } from 'vitest';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { recordDataText } from '../../../core/net/dns-record-text.ts';

test('data of decoded records is one readable line', () => {
  const bytes = encode({
    type: 'response',
    answers: [
      { type: 'A', name: 'a', data: '192.0.2.1' },
      { type: 'MX', name: 'a', data: { preference: 10, exchange: 'mx.example' } },
      { type: 'TXT', name: 'a', data: ['v=spf1 -all', 'second "part"'] },
      { type: 'SRV', name: 'a', data: { priority: 1, weight: 2, port: 443, target: 'b.example' } },
      { type: 'CAA', name: 'a', data: { flags: 0, tag: 'issue', value: 'ca.example' } },
      { type: 'NULL', name: 'a', data: Buffer.from([1, 255]) },
      { type: 'DS', name: 'a', data: { keyTag: 7, algorithm: 8, digestType: 2, digest: Buffer.from([0xab]) } },
    ],
  });
  const decoded = decodeMessage(bytes);
  expect(decoded.ok && decoded.message.answers.map(recordDataText)).toEqual([
    '192.0.2.1',
    '10 mx.example',
    '"v=spf1 -all" "second \\"part\\""',
    '1 2 443 b.example',
    '0 issue "ca.example"',
    '\\# 2 01ff',
    '\\# 5 00070802ab',
  ]);
});
