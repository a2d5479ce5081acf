import { expect, test } from 'vitest';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { enrich } from '../../../core/tunnel/enrich.ts';

const fakeIp = {
  contains: (ip: string) => ip.startsWith('198.18.'),
  lookup: (ip: string) => (ip === '198.18.3.4' ? { name: 'web.example', doubtful: true } : undefined),
  couldMean: () => false,
  unknownConnected: () => undefined,
  flowOpened: () => undefined,
  flowClosed: () => undefined,
};
const answered = { lookup: (ip: string) => (ip === '192.0.2.7' ? 'cdn.example' : undefined) };
const to = (host: string): Metadata => ({
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 5 },
  destination: { host, port: 443 },
  originalDestination: { host, port: 443 },
});

test('a fake address becomes its name; what was connected to is kept', () => {
  const metadata = {
    ...to('198.18.3.4'),
    destination: { host: 'web.example', port: 443 },
    domainSource: 'fake-ip',
    fakeIp: '198.18.3.4',
  };
  expect(enrich(to('198.18.3.4'), fakeIp, answered)).toEqual({
    kind: 'mapped',
    fakeIp: '198.18.3.4',
    doubtful: true,
    metadata,
  });
});

test('a fake address without a mapping is unknown', () => {
  expect(enrich(to('198.18.9.9'), fakeIp, answered)).toEqual({
    kind: 'unknown',
    address: '198.18.9.9',
    metadata: { ...to('198.18.9.9'), fakeIp: '198.18.9.9' },
  });
});

test('a real address is a guess at the name that it was answered for', () => {
  expect(enrich(to('192.0.2.7'), fakeIp, answered)).toEqual({
    kind: 'guessed',
    metadata: { ...to('192.0.2.7'), destination: { host: 'cdn.example', port: 443 }, domainSource: 'redir-host' },
  });
});

test.each(['192.0.2.1', 'web.example', '2001:db8::1'])('%s passes as it is', (host) => {
  expect(enrich(to(host), fakeIp, answered)).toEqual({ kind: 'plain', metadata: to(host) });
});
