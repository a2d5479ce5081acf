/**
 * A program of a user without rights that tries to harm everybody else's network, at random: `attacker.ts SEED SECONDS
 * CONTROL-SOCKET UI-PORT MIXED-PORT [ONLY]`; ONLY is a pattern of the attacks that are wanted. Whatever it does is what any program may do: it opens sockets and says things. What a
 * second holds is bounded, so that runs can be compared; prints how often it did what.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultConfig } from '../../core/contract/config.ts';
import { protocolVersion, topics } from '../../core/contract/rpc.ts';
import { encodeMessage } from '../../core/rpc/message-stream.ts';

const [seed = 1, seconds = 10] = process.argv.slice(2, 4).map(Number);
const [controlSocket = '', uiPort = '0', mixedPort = '0', only = ''] = process.argv.slice(4);
const until = performance.now() + seconds * 1_000;
const mebibyte = 1024 * 1024;

/** Attacks at once. */
const parallel = 4;
/** Sockets, packets and messages that one attack makes at most. */
const most = { sockets: 150, packets: 3_000, messages: 300 };

/** mulberry32, by Tommy Ettinger (public domain). */
function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
const random = generator(seed);
const below = (limit: number): number => Math.floor(random() * limit);
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)] as T;
const bytes = (length: number): Buffer =>
  Buffer.from(Array.from({ length: Math.min(length, 1_000) }, () => below(256)));
const word = (): string => below(36 ** 8).toString(36);
const open = new Set<net.Socket>();

function connect(to: net.NetConnectOpts, said: readonly Uint8Array[] = []): net.Socket {
  const socket = net.connect({ ...to, allowHalfOpen: true });
  open.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
  socket.on('connect', () => {
    for (const each of said) socket.write(each);
  });
  if (random() < 0.7) socket.resume();
  return socket;
}

/** Ends a socket in one of the ways there are, or leaves it. */
function leave(socket: net.Socket): void {
  const how = below(5);
  if (how === 0) socket.destroy();
  else if (how === 1 && socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else if (how === 2) socket.end();
  else if (how === 3) socket.write(bytes(500));
}

const message = (value: object): Buffer => Buffer.concat(encodeMessage(value));
const hello = message({ kind: 'hello', protocol: protocolVersion, version: 'attacker' });
const request = (method: string, params: unknown, id = below(1e6)): Buffer =>
  message({ kind: 'request', id, method, params });
const part = (text: string, last = false): Buffer => message({ kind: 'part', last, text });
const control = (...said: Uint8Array[]): net.Socket => connect({ path: controlSocket }, [hello, ...said]);
const opening = '{"kind":"request","id":1,"method":"applyConfig","params":{"config":';

async function many(count: number, one: (i: number) => net.Socket | undefined): Promise<void> {
  const sockets: net.Socket[] = [];
  for (let i = 0; i < count && performance.now() < until; i++) {
    const socket = one(i);
    if (socket !== undefined) sockets.push(socket);
    if (i % 20 === 19) await sleep(5);
  }
  await sleep(below(800));
  for (const socket of sockets) leave(socket);
  await sleep(below(300));
  for (const socket of sockets) if (random() < 0.9) socket.destroy();
}

const attacks: Record<string, () => Promise<void>> = {
  'connects and goes': () => many(most.sockets, () => control()),
  'says garbage to the helper': () => many(40, () => connect({ path: controlSocket }, [bytes(800)])),
  'watches tables for nothing': () =>
    many(4, () =>
      control(
        ...Array.from({ length: most.messages }, (_, i) => [
          message({
            kind: 'subscribe',
            id: i,
            topic: oneOf(Object.keys(topics)),
            options: { search: word(), closed: true, limit: 1 + below(1e5) },
          }),
          ...(random() < 0.8 ? [message({ kind: 'unsubscribe', id: i })] : []),
        ]).flat(),
      ),
    ),
  'asks what is not its to ask': () =>
    many(4, () =>
      control(
        ...Array.from({ length: most.messages }, () =>
          oneOf([
            () => request('setEnhanced', { on: random() < 0.5 }),
            () => request('restore', {}),
            () => request('setSwitches', { systemDns: false, autoRoute: false }),
            () => request('flushFakeIp', {}),
            () => request('closeFlows', { all: true }),
            () => request('dnsQuery', { name: `${word()}.example`, type: 'A' }),
            () => request(word(), { [word()]: word() }),
            () => request('getSnapshot', {}),
          ])(),
        ),
      ),
    ),
  'sends a large configuration': () =>
    many(2, () => {
      const rules = Array.from({ length: 60_000 }, () => defaultConfig.rules[0]);
      return control(request('applyConfig', { config: { ...defaultConfig, rules } }));
    }),
  'sends a giant key, or a deep nest': () =>
    many(2, () =>
      control(
        ...Array.from({ length: 8 }, (_, i) =>
          part((i === 0 ? opening : '') + oneOf(['[', '{"a":', 'k']).repeat(200_000)),
        ),
      ),
    ),
  'begins large messages and does not end them': () =>
    many(10, () =>
      control(...Array.from({ length: 6 }, (_, i) => part(i === 0 ? `${opening}"` : 'x'.repeat(mebibyte)))),
    ),
  'closes a hundred thousand flows': () =>
    many(2, () => control(request('closeFlows', { ids: Array.from({ length: 100_000 }, (_, i) => `f${i}`) }))),

  'half requests to the window': () =>
    many(most.sockets, () =>
      connect({ port: Number(uiPort), host: '127.0.0.1' }, [Buffer.from('GET / HTTP/1.1\r\nHost: 127')]),
    ),
  'odd upgrades of the window': () =>
    many(40, () =>
      connect({ port: Number(uiPort), host: '127.0.0.1' }, [
        Buffer.from(
          `GET ${oneOf(['/api/socket', '/', `/${word()}`])} HTTP/1.1\r\nHost: ${oneOf(['evil.example', `127.0.0.1:${uiPort}`])}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${bytes(16).toString('base64')}\r\nCookie: mirage-${uiPort}=${word()}\r\n\r\n`,
        ),
        bytes(below(200)),
      ]),
    ),
  'garbage to the window': () => many(60, () => connect({ port: Number(uiPort), host: '127.0.0.1' }, [bytes(900)])),

  'half handshakes at the mixed port': () =>
    many(most.sockets, () => connect({ port: Number(mixedPort), host: '127.0.0.1' }, [bytes(1 + below(3))])),
  'connections by the mixed port': () =>
    many(60, () =>
      connect({ port: Number(mixedPort), host: '127.0.0.1' }, [
        Buffer.concat([
          Buffer.from([5, 1, 0, 5, 1, 0, 3]),
          Buffer.from([11]),
          Buffer.from(oneOf(['direct.test', 'nothere.abc', '127.0.0.1:x'])),
          Buffer.from([0, oneOf([80, 7, 22])]),
        ]),
        bytes(300),
      ]),
    ),

  'packets to everywhere': async () => {
    const socket = dgram.createSocket('udp4');
    socket.on('error', () => undefined);
    for (let i = 0; i < most.packets && performance.now() < until; i++) {
      const host = oneOf([
        () => `203.0.113.${below(256)}`,
        () => `198.${18 + below(2)}.${below(256)}.${1 + below(254)}`,
        () => `${1 + below(223)}.${below(256)}.${below(256)}.${below(256)}`,
      ])();
      const port = oneOf([9, 53, 123, 443, 1 + below(65_535)]);
      socket.send(Buffer.alloc(oneOf([0, 1, 40, 1_200, 1_500, 9_000, 60_000])), port, host, () => undefined);
      if (i % 15 === 14) await sleep(4);
    }
    await sleep(20);
    socket.close();
  },
  'packets from many sockets': async () => {
    const sockets = Array.from({ length: most.sockets }, () => dgram.createSocket('udp4').on('error', () => undefined));
    for (let round = 0; round < 3; round++) {
      for (const socket of sockets) socket.send(bytes(100), 9, `203.0.113.${below(256)}`, () => undefined);
      await sleep(30);
    }
    for (const socket of sockets) socket.close();
  },
  'questions without end': async () => {
    const socket = dgram.createSocket('udp4');
    socket.on('error', () => undefined);
    for (let i = 0; i < most.packets && performance.now() < until; i++) {
      const name = oneOf([() => `${word()}.${word()}.example`, () => `${word()}.example`, () => 'direct.example'])();
      socket.send(random() < 0.8 ? question(name) : bytes(60), 53, '10.20.0.1', () => undefined);
      if (i % 15 === 14) await sleep(4);
    }
    socket.close();
  },
  'questions by TCP, half and whole': () =>
    many(60, () => {
      const query = question(`${word()}.example`);
      const length = Buffer.from([0, random() < 0.5 ? query.length : 255]);
      return connect({ port: 53, host: '10.20.0.1' }, [length, query]);
    }),
  'connections to everywhere': () =>
    many(most.sockets, () =>
      connect(
        {
          host: oneOf([`203.0.113.${below(256)}`, `198.18.${below(256)}.${1 + below(254)}`, '203.0.113.80']),
          port: oneOf([80, 7, 8, 443, 53, 1 + below(65_535)]),
        },
        [bytes(200)],
      ),
    ),
  'downloads that nobody reads': () =>
    many(10, () => {
      const socket = connect({ host: '203.0.113.80', port: 80 }, [
        Buffer.from('GET /bytes/50000000 HTTP/1.1\r\nHost: a\r\n\r\n'),
      ]);
      socket.pause();
      return socket;
    }),
};

/** A question for the address of a name (RFC 1035 section 4.1). */
function question(name: string): Buffer {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from([
    below(256),
    below(256),
    1,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    ...labels,
    0,
    0,
    oneOf([1, 28, 16, 65]),
    0,
    1,
  ]);
}

const done = new Map<string, number>();
const wanted = Object.keys(attacks).filter((name) => new RegExp(only).test(name));
async function attack(): Promise<void> {
  while (performance.now() < until) {
    const name = oneOf(wanted);
    done.set(name, (done.get(name) ?? 0) + 1);
    await attacks[name]?.();
    await sleep(below(100));
  }
}
await Promise.all(Array.from({ length: parallel }, attack));
for (const socket of open) socket.destroy();
process.stdout.write(`${JSON.stringify({ done: Object.fromEntries(done), cpu: process.cpuUsage() })}\n`, () =>
  process.exit(),
);
