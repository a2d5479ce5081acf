import { expect, test } from 'vitest';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../../../core/net/dns-message.ts';

test.each([
  ['www.Example.com', 'Example.com'],
  ['com', '.'],
])('the SOA of %s belongs to %s, holds for 5 s at most and survives the wire', (name, owner) => {
  const soa = denialSoa(name);
  const bytes = encodeMessage({
    ...responseTo(queryFor(1, name, 'AAAA', undefined), 'NOERROR'),
    authorities: [soa],
  });
  const decoded = decodeMessage(bytes);
  expect(decoded.ok && decoded.message.authorities).toEqual([soa]);
  expect(soa).toMatchObject({ name: owner, ttl: 5, data: { minimum: 5 } });
});
