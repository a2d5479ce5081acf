import { afterEach, describe, expect, test } from 'vitest';
import { DirectOutbound } from '../../../core/outbound/direct.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());

const names = new NamedAddresses({
  'web.example': ['192.0.2.1', '2001:db8::1'],
  'far.example': ['198.51.100.1'],
  'loop.example': ['198.18.3.4'],
  'both.example': ['198.18.3.4', '192.0.2.9'],
  'here.example': ['127.0.0.1'],
  'rebound.example': ['127.0.0.1', '::1'],
  'half.example': ['127.0.0.53', '192.0.2.9', '169.254.169.254', 'fe80::1'],
  'metadata.example': ['169.254.169.254'],
  'link.example': ['fe80::1'],
});
const direct = new DirectOutbound('DIRECT', {
  egress: new LoopbackEgress(),
  resolver: names,
  isFake: (ip) => ip.startsWith('198.18.'),
  isNear: (name) => name === 'here.example',
  timeoutMs: 9000,
});
const plan = (host: string) => direct.plan({ host, port: 443 }, 'tcp', new AbortController().signal);

test('a name is resolved by our resolver; every address has its interface', async () => {
  expect(await plan('web.example')).toEqual({
    kind: 'dial',
    hops: [
      { address: '192.0.2.1', device: 'eth0' },
      { address: '2001:db8::1', device: 'eth1' },
    ],
    port: 443,
    layers: [],
    target: { host: 'web.example', port: 443 },
    udp: false,
    timeoutMs: 9000,
  });
});

describe('for a client elsewhere', () => {
  const ask = (host: string, isElsewhere: boolean) =>
    direct.plan({ host, port: 443 }, 'tcp', new AbortController().signal, () => isElsewhere);

  test.each(['here.example', '127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '::', '169.254.169.254', 'fe80::1'])(
    '%s is refused',
    async (host) => {
      await expect(ask(host, true)).rejects.toMatchObject({ code: 'DIAL_REJECTED' });
      await expect(
        direct.dialStream({ host, port: 443 }, { ...dialOptions(), isElsewhere: () => true }),
      ).rejects.toMatchObject({ code: 'DIAL_REJECTED' });
    },
  );

  test('here.example is dialled for a program of this machine, other addresses for everybody', async () => {
    expect(await ask('here.example', false)).toMatchObject({ hops: [{ address: '127.0.0.1' }] });
    expect(await ask('web.example', true)).toMatchObject({ hops: [{}, {}] });
    expect(await ask('192.0.2.5', true)).toMatchObject({ hops: [{ address: '192.0.2.5' }] });
  });
});

test('an address asks nobody', async () => {
  const before = names.asked.length;
  expect(await plan('192.0.2.5')).toMatchObject({ hops: [{ address: '192.0.2.5' }] });
  expect(names.asked.length).toBe(before);
});

describe('what cannot be dialled', () => {
  test.each([
    ['nowhere.example', 'DIAL_NAME_NOT_FOUND'],
    ['far.example', 'DIAL_NETWORK_UNREACHABLE'],
    ['loop.example', 'DIAL_LOOP_DETECTED'],
    ['198.18.0.9', 'DIAL_LOOP_DETECTED'],
    ['rebound.example', 'DIAL_REJECTED'],
    ['metadata.example', 'DIAL_REJECTED'],
    ['link.example', 'DIAL_REJECTED'],
  ])('%s: %s', async (host, code) => expect(plan(host)).rejects.toMatchObject({ code }));

  test('addresses of this machine and its link are left out for a name, not for one that stands for it', async () => {
    expect(await plan('half.example')).toMatchObject({ hops: [{ address: '192.0.2.9' }] });
    expect(await plan('here.example')).toMatchObject({ hops: [{ address: '127.0.0.1' }] });
    expect(await plan('127.0.0.1')).toMatchObject({ hops: [{ address: '127.0.0.1' }] });
  });

  test('fake addresses among real ones are left out', async () => {
    expect(await plan('both.example')).toMatchObject({ hops: [{ address: '192.0.2.9' }] });
  });
});

test('a stream of its own', async () => {
  const port = await loopback.listen((socket) => socket.pipe(socket));
  const stream = await direct.dialStream({ host: 'here.example', port }, dialOptions());
  stream.writable.end('through');
  expect((await readAll(stream.readable)).toString()).toBe('through');
  expect(stream.remote).toBe('127.0.0.1');
});

test('a refused stream says so', async () => {
  const port = await loopback.freePort();
  await expect(direct.dialStream({ host: '127.0.0.1', port }, dialOptions())).rejects.toMatchObject({
    code: 'DIAL_REFUSED',
  });
});
