import { expect, test } from 'vitest';
import { systemClock } from '../../../../core/base/clock.ts';
import { HostTable } from '../../../../core/dns/names/hosts.ts';
import { DnsAddressResolver } from '../../../../core/dns/router/dns-address-resolver.ts';
import { TableResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';

const never = new AbortController().signal;
const a = (name: string, data: string) => record(name, 'A', data);

function make(table: ConstructorParameters<typeof TableResolver>[0], ipv6 = false) {
  const upstream = new TableResolver(table);
  const hosts = new HostTable({
    'fixed.example': ['192.0.2.9', '2001:db8::9'],
    'alias.example': 'two.example',
    'six.example': ['2001:db8::6'],
  });
  const isFake = (ip: string) => ip.startsWith('198.18.');
  const isAbsent = (name: string) => name.endsWith('.onion');
  const expand = async (name: string) =>
    await Promise.resolve(name.includes('.') ? [] : [`${name}.empty.example`, `${name}.lan.example`]);
  const resolver = new DnsAddressResolver({
    resolver: upstream,
    hosts,
    ipv6: () => ipv6,
    isFake,
    isAbsent,
    expand,
    clock: systemClock,
  });
  return { upstream, resolver };
}

const both = {
  'A two.example': [a('two.example', '192.0.2.1'), a('two.example', '192.0.2.2')],
  'AAAA two.example': [record('two.example', 'AAAA', '2001:DB8::1')],
};

test('IPv4 only where the machine has no IPv6: AAAA is not even asked', async () => {
  const { upstream, resolver } = make(both);
  expect(await resolver.resolve('Two.Example.', never)).toEqual(['192.0.2.1', '192.0.2.2']);
  expect(upstream.asked).toEqual(['A two.example']);
});

test('IPv4 first where it has', async () => {
  expect(await make(both, true).resolver.resolve('two.example', never)).toEqual([
    '192.0.2.1',
    '192.0.2.2',
    '2001:db8::1',
  ]);
});

test('addresses pass, nobody is asked', async () => {
  const { upstream, resolver } = make({});
  expect(await resolver.resolve('192.0.2.7', never)).toEqual(['192.0.2.7']);
  expect(await resolver.resolve('2001:DB8::7', never)).toEqual(['2001:db8::7']);
  expect(upstream.asked).toEqual([]);
});

test('localhost and what is below it is the loopback; nobody is asked', async () => {
  const { upstream, resolver } = make({}, true);
  expect(await resolver.resolve('LocalHost.', never)).toEqual(['127.0.0.1', '::1']);
  expect(await resolver.resolve('app.localhost', never)).toEqual(['127.0.0.1', '::1']);
  expect(await make({}).resolver.resolve('localhost', never)).toEqual(['127.0.0.1']);
  expect(upstream.asked).toEqual([]);
});

test('what does not exist by what it is has no address; nobody is asked', async () => {
  const { upstream, resolver } = make({});
  await expect(resolver.resolve('x.onion', never)).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
  expect(upstream.asked).toEqual([]);
});

test('a single label is looked for by the search list first, as resolvers do', async () => {
  const { upstream, resolver } = make({ 'A nas.lan.example': [a('nas.lan.example', '10.0.0.7')] });
  expect(await resolver.resolve('NAS', never)).toEqual(['10.0.0.7']);
  await expect(resolver.resolve('typo', never)).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
  expect(upstream.asked).toEqual([
    'A nas.empty.example',
    'A nas.lan.example',
    'A typo.empty.example',
    'A typo.lan.example',
    'A typo',
  ]);
});

test('hosts come first, aliases are followed', async () => {
  const { upstream, resolver } = make(both);
  expect(await resolver.resolve('fixed.example', never)).toEqual(['192.0.2.9']);
  expect(upstream.asked).toEqual([]);
  expect(await resolver.resolve('alias.example', never)).toEqual(['192.0.2.1', '192.0.2.2']);
});

test.each([
  ['that does not exist', {}, 'nothing.example'],
  ['without addresses', { 'A nothing.example': [] }, 'nothing.example'],
  ['with IPv6 addresses only, on a machine without', {}, 'six.example'],
  [
    'for which the upstream tells fake addresses',
    { 'A nothing.example': [a('nothing.example', '198.18.0.9')] },
    'nothing.example',
  ],
  ['whose answer speaks of others', { 'A nothing.example': [a('other.example', '192.0.2.1')] }, 'nothing.example'],
])('a name %s is not found', async (_, table, name) => {
  await expect(make(table).resolver.resolve(name, never)).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
});

test('the chain of aliases in an answer is followed', async () => {
  const table = {
    'A www.example': [
      record('www.example', 'CNAME', 'CDN.example'),
      a('cdn.example', '192.0.2.1'),
      a('ad.example', '192.0.2.66'),
    ],
  };
  expect(await make(table).resolver.resolve('www.example', never)).toEqual(['192.0.2.1']);
});

test('failing to ask is not "not found"; one family that answers is enough', async () => {
  await expect(make({ 'A x.example': 'throw' }).resolver.resolve('x.example', never)).rejects.toMatchObject({
    code: 'DNS_TIMEOUT',
  });
  await expect(make({ 'A x.example': 'SERVFAIL' }).resolver.resolve('x.example', never)).rejects.toMatchObject({
    code: 'DNS_IO',
    message: 'udp://192.0.2.53:53 answered SERVFAIL',
  });
  const half = { ...both, 'AAAA two.example': 'throw' };
  expect(await make(half, true).resolver.resolve('two.example', never)).toHaveLength(2);
});
