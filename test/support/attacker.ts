/**
 * A program of a user without rights that tries to harm everybody else's network, at random: `attacker.ts SEED SECONDS
 * CONTROL-SOCKET UI-PORT MIXED-PORT [ONLY]`; ONLY is a pattern of the attacks that are wanted. Whatever it does is what any
 * program may do: it opens sockets and says things. What a second holds is bounded, so that runs can be compared; prints how
 * often it did what.
 */
import dgram from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultConfig } from '../../core/contract/config.ts';
import { topics } from '../../core/contract/rpc.ts';
import {
  below,
  bytes,
  connect,
  control,
  controlSocket,
  hello,
  many,
  mebibyte,
  message,
  mixedPort,
  most,
  oneOf,
  only,
  open,
  opening,
  part,
  question,
  random,
  request,
  run,
  uiPort,
  until,
  word,
} from './attacker-tools.ts';

/** Attacks at once. */
const parallel = 4;
const syscalls = new URL('attacker-syscalls.py', import.meta.url).pathname;

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

  'frames of all kinds to the window': () =>
    many(30, () => {
      const mask = bytes(4);
      const opcode = below(16) | (random() < 0.5 ? 0x80 : 0) | (random() < 0.3 ? 0x40 : 0);
      const length = oneOf([Buffer.from([0x80]), Buffer.from([0xfd]), Buffer.from([0xfe, 255, 255])]);
      const endless = Buffer.from([0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
      const upgrade = `GET /api/socket HTTP/1.1\r\nHost: 127.0.0.1:${uiPort}\r\nOrigin: http://127.0.0.1:${uiPort}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: ${bytes(16).toString('base64')}\r\n\r\n`;
      const frame = Buffer.concat([Buffer.from([opcode]), oneOf([length, endless]), mask, bytes(below(900))]);
      return connect({ port: Number(uiPort), host: '127.0.0.1' }, [Buffer.from(upgrade), frame, frame, frame]);
    }),
  'heads that two servers read differently': () =>
    many(60, () => {
      const toWindow = random() < 0.5;
      const target = toWindow ? '/' : 'http://direct.test/bytes/10';
      const framing = oneOf([
        'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
        'Content-Length: 5\r\nContent-Length: 50\r\n',
        'Transfer-Encoding: chunked, identity\r\n',
        'Transfer-Encoding : chunked\r\n',
        'Transfer-Encoding:\x0bchunked\r\n',
        'Content-Length: 99999999999999999999\r\n',
        'Content-Length: -1\r\n',
        'X: y\r\n Content-Length: 5\r\n',
        'Expect: 100-continue\r\nContent-Length: 1000000\r\n',
        'Connection: Transfer-Encoding, Content-Length, Host\r\nContent-Length: 3\r\n',
        'A: b\r\n'.repeat(2_000),
        `Cookie: ${'c'.repeat(70_000)}\r\n`,
      ]);
      const body = oneOf(['0\r\n\r\n', 'fffffffffffffffff\r\n', '5;x="\r\nhello\r\n', 'abcde', '-1\r\n\r\n']);
      const next = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
      const head = `${oneOf(['POST', 'GET', 'CONNECT', 'OPTIONS'])} ${target} HTTP/1.1\r\nHost: direct.test\r\n${framing}\r\n`;
      const port = Number(toWindow ? uiPort : mixedPort);
      return connect({ port, host: '127.0.0.1' }, [Buffer.from(head + body + next, 'latin1')]);
    }),
  'a byte at a time, to everywhere': () =>
    many(40, () => {
      const socket = oneOf([
        () => connect({ path: controlSocket }),
        () => connect({ port: Number(uiPort), host: '127.0.0.1' }),
        () => connect({ port: Number(mixedPort), host: '127.0.0.1' }),
        () => connect({ port: 53, host: '10.20.0.1' }),
      ])();
      const text = oneOf([hello, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n'), Buffer.from([0, 40, 1, 2, 3, 4, 1])]);
      let at = 0;
      const timer = setInterval(() => {
        if (socket.destroyed || at >= text.length) clearInterval(timer);
        else socket.write(text.subarray(at, ++at));
      }, 20);
      return socket;
    }),
  'answers that nobody reads': () =>
    many(12, () => {
      const socket = oneOf([
        () => control(...Array.from({ length: most.messages }, (_, i) => request('getSnapshot', {}, i))),
        () =>
          connect({ port: 53, host: '10.20.0.1' }, [
            Buffer.concat(
              Array.from({ length: most.messages }, () => {
                const query = question(`${word()}.example`);
                return Buffer.concat([Buffer.from([0, query.length]), query]);
              }),
            ),
          ]),
        () =>
          connect({ port: Number(uiPort), host: '127.0.0.1' }, [
            Buffer.from(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${uiPort}\r\n\r\n`.repeat(most.messages)),
          ]),
        () =>
          connect({ port: Number(mixedPort), host: '127.0.0.1' }, [
            Buffer.from('GET http://direct.test/bytes/1000000 HTTP/1.1\r\nHost: direct.test\r\n\r\n'.repeat(50)),
          ]),
      ])();
      socket.pause();
      return socket;
    }),
  'names until the range is used up': async () => {
    const socket = dgram.createSocket('udp4').on('error', () => undefined);
    for (let i = 0; i < most.packets && performance.now() < until; i++) {
      socket.send(question(`${word()}${word()}.${word()}.example`), 53, '10.20.0.1', () => undefined);
      if (i % 30 === 29) await sleep(4);
    }
    socket.close();
  },
  'associations without a way out': () =>
    many(40, () => {
      const socket = connect({ port: Number(mixedPort), host: '127.0.0.1' }, [
        Buffer.from([5, 1, 0]),
        Buffer.from([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]),
      ]);
      const sender = dgram.createSocket('udp4').on('error', () => undefined);
      socket.on('close', () => sender.close());
      socket.on('data', (data) => {
        if (data.length < 10 || data[1] !== 0) return;
        const relay = data.readUInt16BE(data.length - 2);
        for (let i = 0; i < 60; i++) {
          const target = Buffer.from([0, 0, oneOf([0, 0, 0, 1]), oneOf([1, 1, 3, 4]), 203, 0, 113, below(256), 0, 9]);
          sender.send(Buffer.concat([target, bytes(50)]), relay, '127.0.0.1', () => undefined);
        }
      });
      return socket;
    }),
  "datagrams to ports that are others'": async () => {
    const socket = dgram.createSocket('udp4').on('error', () => undefined);
    for (let i = 0; i < most.packets && performance.now() < until; i++) {
      const datagram = Buffer.concat([Buffer.from([0, 0, 0, 1, 203, 0, 113, below(256), 0, 9]), bytes(20)]);
      socket.send(datagram, 32_768 + below(28_000), '127.0.0.1', () => undefined);
      if (i % 30 === 29) await sleep(4);
    }
    socket.close();
  },
  'forks, sockets that come and go': async () => {
    for (let round = 0; round < 8 && performance.now() < until; round++) {
      const script = `import os,socket
for i in range(40):
  if os.fork()==0:
    try:
      s=[socket.socket(socket.AF_INET,socket.SOCK_STREAM) for _ in range(5)]
      for x in s:
        x.setblocking(False)
        try: x.connect(('203.0.113.%d'%(${below(200)}+i%50),9))
        except OSError: pass
    finally: os._exit(0)
for i in range(40): os.wait()`;
      await run('python3', ['-c', script]);
    }
  },
  'what needs system calls': () => run('python3', [syscalls, String(below(1e9)), controlSocket, uiPort, mixedPort]),
};

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
const report = { done: Object.fromEntries(done), cpu: process.cpuUsage(), kinds: Object.keys(attacks) };
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
