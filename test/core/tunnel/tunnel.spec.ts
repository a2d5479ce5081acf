import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { ServedTunnel } from '../../../core/helper/served-tunnel.ts';
import { eventually } from '../../support/eventually.ts';
import { both, code, configOf, rule, signal, tunnelGround } from './tunnel-ground.ts';

const ground = tunnelGround();
const { ask, engine } = ground;

test('fits what the helper serves', () => {
  const served: ServedTunnel = ground.tunnel;
  expect(served.mixed).toBeNull();
});

describe('made, and nothing else', () => {
  test('it touches nothing of the machine', () => {
    expect(ground.did).toEqual([]);
    expect(ground.engines).toEqual([]);
    expect(ground.tunnel.inspector.fakeIp()).toMatchObject({ range: '198.18.0.0/15', used: 0 });
  });

  test('on and off touches it in order', async () => {
    await ground.tunnel.machine.start(both);
    expect(engine().options).toMatchObject({
      name: 'mirage0',
      address4: '198.18.0.1',
      peer4: '198.18.0.2',
      address6: null,
      mark: 0x4d49,
    });
    expect([ground.tunnel.owns('mirage0'), ground.tunnel.owns('eth0')]).toEqual([true, false]);
    await ground.tunnel.machine.stop();
    expect(ground.did).toEqual([
      'network',
      '+routes mirage0 198.18.0.0/15',
      '+dns 198.18.0.2',
      'sockets 198.18.0.0/15 198.18.0.1/32 fdfe:dcba:9876::/126 /',
      '-dns',
      '-routes',
    ]);
    expect([engine().stopped, ground.tunnel.owns('mirage0')]).toEqual([true, false]);
  });
});

describe('from a question to a connection', () => {
  test('a name goes to the proxy as a name, and is shown with its mapping', async () => {
    await ground.tunnel.reload(configOf([rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy')]));
    await ground.tunnel.machine.start(both);
    const address = await ask('www.hidden.example');
    expect(address).toMatch(/^198\.1[89]\./);
    engine().open(1, address, 443);
    await eventually(() =>
      expect(engine().verdicts.get(1)).toMatchObject({
        kind: 'dial',
        port: 1080,
        layers: [{ protocol: 'socks5', targetHost: 'www.hidden.example', targetPort: 443 }],
      }),
    );
    engine().emit({ kind: 'dialed', id: 1, ok: true, address: '192.0.2.1', ms: 3 });
    engine().shared.set([10n, 20n], 2);
    expect(ground.tunnel.sample()).toEqual({ up: 10, down: 20, live: 1, dnsQuestions: 1 });
    expect(ground.tunnel.connections.rows()).toMatchObject([
      {
        destination: { host: 'www.hidden.example', port: 443 },
        fakeIp: address,
        rule: { type: 'DOMAIN-SUFFIX' },
        chain: ['proxy'],
        state: 'open',
      },
    ]);
    expect(ground.tunnel.mappings.row(address)).toMatchObject({
      name: 'www.hidden.example',
      liveFlows: 1,
      state: 'live',
    });
    expect([...ground.tunnel.dnsLog.rows()]).toMatchObject([
      { name: 'www.hidden.example', type: 'A', verdict: 'fake', answer: address },
    ]);
    expect(ground.tunnel.closeFlows((row) => row.destination.host === 'www.hidden.example')).toBe(1);
    expect(engine().closed).toEqual([1]);
    await ground.tunnel.machine.stop();
    expect(ground.tunnel.connections.rows()).toMatchObject([
      { state: 'closed', closeReason: 'stopped', up: 10, down: 20 },
    ]);
  });

  test('a reload keeps what rules have counted and the chosen DNS mode; rows say what became of them', async () => {
    const hidden = rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy');
    await ground.tunnel.reload(configOf([hidden]));
    await ground.tunnel.machine.start(both);
    const address = await ask('www.hidden.example');
    engine().open(1, address, 443);
    await eventually(() => expect(engine().verdicts.get(1)).toMatchObject({ layers: [{ protocol: 'socks5' }] }));
    expect(ground.tunnel.connections.rows()).toMatchObject([{ chain: ['proxy'], way: 'proxied' }]);
    ground.tunnel.modes.chooseDnsMode('redir-host');
    await ground.tunnel.reload(configOf([rule('DOMAIN', 'first.example', 'REJECT'), hidden]));
    expect(ground.tunnel.inspector.rules().slice(0, 2)).toMatchObject([
      { payload: 'first.example', hits: 0, way: 'rejected' },
      { payload: 'hidden.example', hits: 1, way: 'proxied' },
    ]);
    expect(ground.tunnel.modes.dnsMode()).toEqual({ mode: 'redir-host', chosen: true });
    ground.tunnel.modes.chooseDnsMode(null);
    expect(ground.tunnel.modes.dnsMode()).toEqual({ mode: 'fake-ip', chosen: false });
    expect(await ask('www.hidden.example')).toBe(address);
  });

  test('a fake address without a name is refused at once, and told', async () => {
    await ground.tunnel.machine.start(both);
    engine().open(1, '198.18.77.77', 443);
    await eventually(() => expect(engine().verdicts.get(1)).toEqual({ kind: 'peek', atLeast: 1, timeoutMs: 300 }));
    engine().emit({ kind: 'peeked', id: 1, chunks: [Buffer.from('EHLO mail.example\r\n')], reason: 'bytes', ms: 1 });
    await eventually(() => expect(engine().verdicts.get(1)).toEqual({ kind: 'reject', how: 'reset' }));
    expect(ground.health.warnings()).toMatchObject([{ code: 'FAKE_IP_UNKNOWN_ADDRESS' }]);
  });

  test('questions are not answered before the DNS server begins and after it ends', async () => {
    await ground.tunnel.machine.start(both);
    await ask('a.example');
    const before = engine();
    await ground.tunnel.machine.stop();
    before.ask(9, Buffer.alloc(12));
    await new Promise((resolve) => setImmediate(resolve));
    expect(before.answers.has(9)).toBe(false);
  });

  test('when the device is gone another is made; again and again, and everything is undone and the reason shown', async () => {
    await ground.tunnel.machine.start(both);
    const lose = () => engine().emit({ kind: 'dead', message: 'device gone', revivable: false });
    const first = engine();
    lose();
    await eventually(() =>
      expect(ground.health.warnings()).toMatchObject([{ text: expect.stringContaining('mirage0 was deleted') }]),
    );
    expect(ground.tunnel.machine.state.kind).toBe('running');
    expect(engine()).not.toBe(first);
    for (let i = 0; i < 10 && ground.tunnel.machine.state.kind === 'running'; i++) {
      const lost = engine();
      lose();
      await eventually(() => expect(ground.tunnel.machine.state.kind === 'error' || engine() !== lost).toBe(true));
      await eventually(() => expect(['running', 'error']).toContain(ground.tunnel.machine.state.kind));
    }
    expect(ground.tunnel.machine.state).toMatchObject({
      kind: 'error',
      error: { message: expect.stringContaining('mirage0 was deleted') },
    });
    expect(ground.did.slice(-3)).toEqual([
      'sockets 198.18.0.0/15 198.18.0.1/32 fdfe:dcba:9876::/126 /',
      '-dns',
      '-routes',
    ]);
  });
});

describe('questions of people', () => {
  test('what would happen to a host, by name or by its fake address', async () => {
    await ground.tunnel.reload(configOf([rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy')]));
    const trace = await ground.tunnel.inspector.testRule(
      { host: 'WWW.Hidden.Example.', port: 443, network: 'tcp' },
      signal,
    );
    expect(trace).toMatchObject({ host: 'www.hidden.example', rule: { index: 0, policy: 'proxy' }, chain: ['proxy'] });
    const address = ground.tunnel.mappings.current.allocate('www.hidden.example', '198.18.0.1');
    expect(await ground.tunnel.inspector.testRule({ host: address, port: 443, network: 'tcp' }, signal)).toMatchObject({
      host: 'www.hidden.example',
      rule: { index: 0 },
    });
    expect(
      await ground.tunnel.inspector.testRule({ host: '192.0.2.9', port: 80, network: 'tcp' }, signal),
    ).toMatchObject({
      rule: { type: 'MATCH' },
      chain: ['DIRECT'],
    });
    expect(ground.tunnel.inspector.rules().every((row) => row.hits === 0)).toBe(true);
  });

  test('what an application is answered', async () => {
    const answer = await ground.tunnel.inspector.dnsQuery({ name: 'a.example', type: 'A' }, signal);
    expect(answer).toMatchObject({
      rcode: 'NOERROR',
      verdict: 'fake',
      answers: [{ name: 'a.example', type: 'A', ttl: 1 }],
    });
    await expect(ground.tunnel.inspector.dnsQuery({ name: 'a.example', type: 'NONSENSE' }, signal)).rejects.toThrow(
      code('RPC_BAD_PARAMS'),
    );
  });
});

describe('the mixed port', () => {
  const freePort = async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return { server, port };
  };

  test('listens when it is wanted, moves with the configuration, and needs no TUN', async () => {
    const [a, b] = [await freePort(), await freePort()];
    for (const { server } of [a, b]) await new Promise((resolve) => server.close(resolve));
    const withPort = (port: number) => configOf([], { mixed: { address: '127.0.0.1', port, users: [] } });
    await ground.tunnel.reload(withPort(a.port));
    expect(ground.tunnel.mixed).toBeNull();
    let told = 0;
    ground.tunnel.changed.on(() => told++);
    await ground.tunnel.setMixed(true);
    expect(ground.tunnel.mixed).toEqual({ address: '127.0.0.1', port: a.port });
    await ground.tunnel.reload(withPort(b.port));
    expect(ground.tunnel.mixed).toEqual({ address: '127.0.0.1', port: b.port });
    await ground.tunnel.reload(configOf([]));
    expect(ground.tunnel.mixed).toBeNull();
    expect(told).toBe(3);
    expect(ground.engines).toEqual([]);
  });

  test('open to the network without a password is a warning, as long as it is', async () => {
    const { server, port } = await freePort();
    await new Promise((resolve) => server.close(resolve));
    const open = (users: { username: string; password: string }[]) =>
      configOf([], { mixed: { address: '0.0.0.0', port, users } });
    await ground.tunnel.reload(open([]));
    await ground.tunnel.setMixed(true);
    expect(ground.health.warnings()).toMatchObject([{ code: 'MIXED_PORT_OPEN' }]);
    await ground.tunnel.reload(open([{ username: 'u', password: 'p' }]));
    expect(ground.health.warnings()).toEqual([]);
  });

  test('that is taken is a warning until it is free or not wanted', async () => {
    const { server, port } = await freePort();
    await ground.tunnel.reload(configOf([], { mixed: { address: '127.0.0.1', port, users: [] } }));
    await ground.tunnel.setMixed(true);
    expect(ground.tunnel.mixed).toBeNull();
    expect(ground.health.warnings()).toMatchObject([{ code: 'MIXED_PORT_BUSY', severity: 'warning' }]);
    await new Promise((resolve) => server.close(resolve));
    await ground.tunnel.setMixed(true);
    expect([ground.tunnel.mixed?.port, ground.health.warnings()]).toEqual([port, []]);
  });
});
