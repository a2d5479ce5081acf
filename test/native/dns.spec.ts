/** Port 53 of any address: questions become events, answers find their asker, by UDP and TCP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { NativeWorld } from './support/native-world.ts';

const dig = (...args: string[]) => ['dig', '+tries=1', '+time=12', '+noedns', ...args].join(' ');

const echoAt53 = `
import socket, threading
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(('10.99.0.1', 53))
tcp = socket.create_server(('10.99.0.1', 53))
def datagrams():
  while True: udp.sendto(*udp.recvfrom(65535))
def connection(s):
  while data := s.recv(65536): s.sendall(data)
  s.close()
threading.Thread(target=datagrams, daemon=True).start()
while True: threading.Thread(target=connection, args=(tcp.accept()[0],), daemon=True).start()`;

/** Sends a stream of questions and other frames; prints how many answers came, and how the connection ended. */
const streamOf = (frames: string, after = ''): string => `
import socket, struct, time
def question(n): return struct.pack('>HHHHHH', n, 0x100, 1, 0, 0, 0) + b'\\1a\\0\\0\\1\\0\\1'
def frame(message): return struct.pack('>H', len(message)) + message
s = socket.create_connection(('10.99.0.53', 53), 5)
s.sendall(${frames})
${after}
data, end = b'', 'eof'
try:
  while chunk := s.recv(65536): data += chunk
except ConnectionResetError: end = 'reset'
ids = []
while len(data) >= 2:
  size = struct.unpack('>H', data[:2])[0]
  ids.append(struct.unpack('>H', data[2:4])[0]); data = data[2 + size:]
print(len(ids), len(set(ids)), len(data), end)`;

describeInLab('DNS hijack', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test.each([
    ['udp', []],
    ['tcp', ['+tcp']],
  ])('a question by %s to any server is answered', async (network, args) => {
    const output = await world.client.sh(dig('@10.99.0.53', 'example.com', ...args));
    expect(output).toContain('status: NOERROR');
    const events = await world.events('dns');
    expect(events).toEqual([{ kind: 'dns', network, destination: '10.99.0.53:53', length: 29 }]);
  });

  test('several questions on one connection', async () => {
    const output = await world.client.sh(
      `${dig('@10.99.0.53', '+tcp', '+keepopen', 'a.example', 'b.example', 'c.example')} | grep -c 'status: NOERROR'`,
    );
    expect(output.trim()).toBe('3');
    expect(await world.events('dns', 3)).toHaveLength(3);
    const connections = await world.client.sh('ss -tnH state established dport = :53');
    expect(connections).toBe('');
  });

  test('a large answer fits through TCP, and through UDP in fragments', async () => {
    await world.engine.call('dns', { padTo: 4_000 });
    for (const args of [['+tcp'], ['+bufsize=4096']]) {
      const output = await world.client.run('sh', ['-c', dig('@10.99.0.53', 'example.com', ...args)]);
      expect(output.stdout).toContain('MSG SIZE  rcvd: 4000');
    }
    await world.engine.call('dns', { padTo: 0 });
  });

  test.each([
    [
      'an empty frame between questions',
      "frame(question(1)) + b'\\0\\0' + frame(question(2))",
      's.shutdown(1)',
      '2 2 0 eof',
    ],
    [
      'a frame too short for DNS behind questions',
      "frame(question(1)) + b'\\0\\3abc' + frame(question(2))",
      '',
      '1 1 0 eof',
    ],
    [
      '64 questions in one segment, half-closed',
      "b''.join(frame(question(n)) for n in range(64))",
      's.shutdown(1)',
      '64 64 0 eof',
    ],
    ['a question that is cut off', 'frame(question(1)) + frame(question(2))[:9]', 's.shutdown(1)', '1 1 0 eof'],
  ])('%s: what was asked is answered', async (_, frames, after, outcome) => {
    const output = await world.client.run('python3', ['-c', streamOf(frames, after)]);
    expect(output.stdout.trim()).toBe(outcome);
  });

  test('who reads late has large answers all the same', async () => {
    await world.engine.call('dns', { padTo: 60_000 });
    const late = 's.shutdown(1); time.sleep(1)';
    const many = "b''.join(frame(question(n)) for n in range(100))";
    const output = await world.client.run('python3', ['-c', streamOf(many, late)]);
    expect(output.stdout.trim()).toBe('100 100 0 eof');
    await world.engine.call('dns', { padTo: 0 });
  });

  test('who holds all connections loses idle ones to who asks', async () => {
    const hold = `
import socket, time
held = [socket.create_connection(('10.99.0.53', 53), 5) for _ in range(520)]
print('held', flush=True)
time.sleep(60)`;
    const holder = world.client.spawn('python3', ['-c', hold]);
    await holder.printed(/held/);
    expect(await world.client.sh(dig('@10.99.0.53', '+tcp', 'example.com'))).toContain('status: NOERROR');
    await holder.stop();
  });

  test('an idle connection is closed after 10 s, an unanswered question only later', async () => {
    await world.programs.call('open', { name: 'a', host: '10.99.0.53', port: 53 });
    await expect
      .poll(() => world.programs.call('state', { name: 'a' }), { timeout: 30_000 })
      .toMatchObject({ ended: 'end' });
    await world.programs.call('finish', { name: 'a' });
  });

  test('a connection to our own address that talks nonsense is reset', async () => {
    await world.client.sh('ip route add 172.30.0.2 dev tun9');
    await world.programs.call('open', { name: 'b', host: '172.30.0.2', port: 53 });
    await world.programs.call('write', { name: 'b', text: '\0\u0001x' });
    await expect.poll(() => world.programs.call('state', { name: 'b' })).toMatchObject({ ended: 'ECONNRESET' });
  });

  describe('what is no question to any resolver is a flow', () => {
    /** The far machine answers there with what it got. */
    const host = '10.99.0.1';
    const toEcho = { kind: 'direct', device: 'eth0' } as const;

    beforeAll(async () => {
      world.server.spawn('python3', ['-c', echoAt53]);
      await world.server.sh(
        'for i in $(seq 1200); do ss -ltnH "sport = :53" | grep -q . && exit 0; sleep 0.05; done; exit 1',
      );
      await world.rules({ verdict: toEcho });
    });

    test.each([
      ['a VPN', '\u0001\0\0\0' + 'v'.repeat(144)],
      ['less than a header', 'hi'],
      ['nothing at all', ''],
    ])('by UDP: %s', async (_what, message) => {
      const { replies } = await world.programs.call<{ replies: { text: string; from: string }[] }>('datagrams', {
        host,
        port: 53,
        messages: [message],
        connect: true,
      });
      expect(replies).toMatchObject([{ text: message.slice(0, 40), from: `${host}:53` }]);
      expect(await world.events('dialed')).toMatchObject([
        { kind: 'open', network: 'udp', destination: { port: 53 } },
        { ok: true },
      ]);
    });

    test('by UDP: what follows on that socket, also a question', async () => {
      const question = '\u0012\u0034\u0001\0\0\u0001\0\0\0\0\0\0\u0001a\0\0\u0001\0\u0001';
      const { replies } = await world.programs.call<{ replies: { text: string }[] }>('datagrams', {
        host,
        port: 53,
        messages: ['hello', question],
      });
      expect(replies.map((reply) => reply.text)).toEqual(['hello', question]);
    });

    test('by TCP: the first bytes reach the server', async () => {
      await world.engine.call('events');
      await world.programs.call('open', { name: 'v', host, port: 53 });
      await world.programs.call('write', { name: 'v', text: 'SSH-2.0-nobody\r\n' });
      await expect
        .poll(() => world.programs.call('state', { name: 'v' }))
        .toMatchObject({ received: 'SSH-2.0-nobody\r\n' });
      await world.programs.call('finish', { name: 'v' });
      expect(await world.reasons()).toEqual(['done']);
    });

    test('by TCP: refused by verdict is a reset', async () => {
      await world.rules({ verdict: { kind: 'reject', how: 'unreachable' } });
      await world.programs.call('open', { name: 'w', host, port: 53 });
      await world.programs.call('write', { name: 'w', text: 'GET / HTTP/1.0\r\n' });
      await expect.poll(() => world.programs.call('state', { name: 'w' })).toMatchObject({ ended: 'ECONNRESET' });
      await world.rules({ verdict: toEcho });
    });

    test.each([
      ['by UDP', []],
      ['by TCP', ['+tcp']],
    ])('%s: a question to a server that is spared, others are answered as before', async (_how, args) => {
      const all = { taken: ['0.0.0.0/0'], spared: [] };
      const spared = { taken: ['0.0.0.0/0'], spared: [`${host}/32`] };
      await world.engine.call('hijackDns', { udp: spared, tcp: spared });
      await world.engine.call('events');
      // Its own question comes back: dig says that it is no answer, and waits.
      await world.client.run('sh', ['-c', dig(`@${host}`, 'example.com', '+time=1', ...args)]);
      expect((await world.events('open'))[0]).toMatchObject({ kind: 'open', destination: { address: host, port: 53 } });
      expect(await world.client.sh(dig('@10.99.0.53', 'example.com', ...args))).toContain('status: NOERROR');
      await world.engine.call('hijackDns', { udp: all, tcp: all });
      expect(await world.client.sh(dig(`@${host}`, 'example.com', ...args))).toContain('status: NOERROR');
    });
  });
});
