import { expect, test } from 'vitest';
import { MissingNames } from '../../../../core/dns/names/missing-names.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { type DnsMessage, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const denied = (ttl: number, rcode = 'NXDOMAIN'): DnsMessage => {
  const soa = denialSoa('gone.example');
  const data = { ...(soa.data as object), minimum: ttl };
  return {
    ...responseTo(queryFor(0, 'gone.example', 'A', undefined), rcode),
    authorities: [{ ...soa, ttl, data }],
  };
};
const setup = () => {
  const clock = new ManualClock();
  return { clock, missing: new MissingNames(clock) };
};

test('a denial holds as long as its SOA says, at most a minute; its TTL runs down', async () => {
  const { clock, missing } = setup();
  missing.add('short.example', denied(20), 'udp://192.0.2.53:53', 'far');
  missing.add('long.example', denied(3_600), 'udp://192.0.2.53:53', 'far');
  await clock.advance(15_000);
  expect(missing.lookup('short.example')).toMatchObject({ upstream: 'udp://192.0.2.53:53', soa: { ttl: 5 } });
  await clock.advance(5_000);
  expect(missing.lookup('short.example')).toBeUndefined();
  expect(missing.lookup('long.example')).toMatchObject({ soa: { ttl: 40 } });
  await clock.advance(40_000);
  expect(missing.lookup('long.example')).toBeUndefined();
});

test('for five minutes after the first denial the name is suspected, however often it is denied again', async () => {
  const { clock, missing } = setup();
  missing.add('gone.example', denied(0), 'udp://192.0.2.53:53', 'far');
  expect(missing.lookup('gone.example')).toBeUndefined();
  expect(missing.suspected('gone.example')).toBe('far');
  await clock.advance(299_000);
  missing.add('gone.example', denied(10), 'udp://192.0.2.53:53', 'far');
  await clock.advance(9_000);
  expect(missing.lookup('gone.example')).toBeDefined();
  expect(missing.suspected('gone.example')).toBe('far');
  await clock.advance(1_000);
  expect(missing.suspected('gone.example')).toBeUndefined();
});

test('only NXDOMAIN is a denial; what exists and what is cleared is neither missing nor suspected', () => {
  const { missing } = setup();
  missing.add('empty.example', denied(20, 'NOERROR'), 'udp://192.0.2.53:53', 'far');
  expect(missing.suspected('empty.example')).toBeUndefined();
  const { revision } = missing;
  missing.add('gone.example', denied(20), 'udp://192.0.2.53:53', 'far');
  missing.add('lost.example', denied(20), 'udp://192.0.2.53:53', 'far');
  expect(missing.revision).toBeGreaterThan(revision);
  missing.forget('gone.example');
  expect(missing.lookup('gone.example')).toBeUndefined();
  expect(missing.clear()).toBe(1);
  expect(missing.suspected('lost.example')).toBeUndefined();
});
