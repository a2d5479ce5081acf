import { expect, test } from 'vitest';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { enrich } from '../../../core/tunnel/enrich.ts';

const fakeIp = {
  contains: (ip: string) => ip.startsWith('198.18.'),
  lookup: (ip: string) => (ip === '198.18.3.4' ? { name: 'web.example' } : undefined),
  flowOpened: () => undefined,
  flowClosed: () => undefined,
};
const to = (host: string): Metadata => ({
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 5 },
  destination: { host, port: 443 },
  originalDestination: { host, port: 443 },
});

test('a fake address becomes its name; what was connected to is kept', () => {
  expect(enrich(to('198.18.3.4'), fakeIp)).toEqual({
    kind: 'known',
    fakeIp: '198.18.3.4',
    metadata: { ...to('198.18.3.4'), destination: { host: 'web.example', port: 443 }, domainSource: 'fake-ip' },
  });
});

test('a fake address without a mapping is unknown', () => {
  expect(enrich(to('198.18.9.9'), fakeIp)).toMatchObject({ kind: 'unknown', address: '198.18.9.9' });
});

test.each(['192.0.2.1', 'web.example', '2001:db8::1'])('%s passes as it is', (host) => {
  expect(enrich(to(host), fakeIp)).toEqual({ kind: 'known', metadata: to(host) });
});
