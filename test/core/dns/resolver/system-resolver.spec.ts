import { expect, test } from 'vitest';
import { formatScopedIp } from '../../../../core/base/scoped-address.ts';
import { SystemResolver } from '../../../../core/dns/resolver/system-resolver.ts';
import { defaultResolverOptions } from '../../../../core/net/resolver-options.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TableResolver } from './scripted-resolver.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;

function make(servers: () => string[]) {
  const connected: string[] = [];
  let reads = 0;
  const resolver = new SystemResolver({
    base: async () => {
      reads += 1;
      return await Promise.resolve({ servers: servers(), options: defaultResolverOptions });
    },
    connect: (server) => {
      connected.push(formatScopedIp(server));
      return new TableResolver({ 'A example.com': 'NOERROR' });
    },
    clock: new ManualClock(),
  });
  return { resolver, connected, reads: () => reads };
}

test('asks the servers that were there before, read once and again after reset', async () => {
  const { resolver, connected, reads } = make(() => ['192.0.2.53', 'fe80::53%eth0']);
  await Promise.all([resolver.query(question, never), resolver.query(question, never)]);
  expect(connected).toEqual(['192.0.2.53', 'fe80::53%eth0']);
  resolver.reset();
  await resolver.query(question, never);
  expect(reads()).toBe(2);
});

test('no server is an error with a code, and is looked for again at the next question', async () => {
  const servers: string[] = [];
  const { resolver } = make(() => servers);
  await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_NO_UPSTREAM' });
  servers.push('192.0.2.53');
  expect((await resolver.query(question, never)).message.rcode).toBe('NOERROR');
});

test('servers that cannot be read are an error with a code', async () => {
  const { resolver } = make(() => {
    throw new Error('EACCES');
  });
  await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_NO_UPSTREAM' });
});
