import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { DialPlan, Layer } from '../../../core/flow/dial-plan.ts';
import type { FlowCarrier } from '../../../core/flow/flow-carrier.ts';
import type { KeptOutcome, KeptStream, StreamKeeper } from '../../../core/flow/kept-stream.ts';
import type { FlowClose } from '../../../core/inbound/flow-engine.ts';
import { TestAuthority } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { errnoOfEnd, readAll } from '../net/loopback.ts';
import { LoopbackEgress } from '../outbound/doubles.ts';
import { curl, MixedStage, type StageOptions } from './mixed-stage.ts';

const stage = new MixedStage();
const { loopback } = stage;
afterEach(() => stage.close());

const dialTo = (port: number, layers: readonly Layer[] = []): DialPlan => ({
  kind: 'dial',
  hops: [{ address: '127.0.0.1', device: null }],
  port,
  layers,
  target: { host: 'hidden.example', port: 80 },
  udp: false,
  timeoutMs: 60_000,
});

/** A mixed port whose clients are carried, and what is said of each flow. */
async function carrying(dial: DialPlan, options: StageOptions = {}) {
  const carriers: FlowCarrier[] = [];
  const opened: string[] = [];
  const { ended, ...mixed } = await stage.mixed(
    (flow) => {
      const carrier = flow.carry?.(dial);
      if (carrier === undefined) throw new Error('its bytes are to be read');
      carriers.push(carrier);
    },
    {
      keeper: new LoopbackEgress(),
      dialed: (outcome, flow) => {
        if (outcome.ok) opened.push(outcome.address);
        else flow.reject(new AppError(outcome.code, outcome.message));
      },
      ...options,
    },
  );
  const ends = ended as Omit<FlowClose, 'id'>[];
  const end = async (count = 1) => {
    await until(() => ends.length >= count);
    return ends;
  };
  return { ...mixed, carriers, opened, ends, end };
}

const until = (isSo: () => boolean) => eventually(() => expect(isSo()).toBe(true), 60_000, 5);

const greeting = Buffer.from([5, 1, 0, 5, 1, 0, 3, 8, ...Buffer.from('a.exampl'), 0, 80]);
const granted = 12;

/** A client that is connected: what comes is the server's. */
async function connected(port: number): Promise<net.Socket> {
  const client = await loopback.connect(port);
  client.write(greeting);
  let heard = 0;
  while (heard < granted) {
    const chunk: unknown = client.read(granted - heard) ?? client.read();
    if (chunk instanceof Uint8Array) heard += chunk.length;
    else await once(client, 'readable');
  }
  return client;
}

const echo = () => loopback.listen((socket) => socket.pipe(socket));

test.each([
  ['SOCKS5', 'socks5h', []],
  ['SOCKS4a', 'socks4a', []],
  ['CONNECT', 'http', ['--proxytunnel']],
] as const)('curl gets through by %s; the bytes are counted', async (_what, scheme, extra) => {
  const web = await loopback.listen((socket) =>
    socket.once('data', (request) => {
      const body = `got ${request.length}`;
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    }),
  );
  const { port, opened, end } = await carrying(dialTo(web));
  const { output, status } = await curl('-x', `${scheme}://127.0.0.1:${port}`, ...extra, 'http://hidden.example/');
  const up = Number(/^got (\d+)$/.exec(output)?.[1]);
  expect(status).toBe(0);
  expect(up).toBeGreaterThan(40);
  expect(opened).toEqual(['127.0.0.1']);
  const [close] = await end();
  expect(close).toMatchObject({ up, down: 57 + 1 + output.length - 1, reason: 'done' });
  expect(close?.firstByteMs).toBeGreaterThanOrEqual(0);
});

test('a plain HTTP request is read, and offers nothing else', async () => {
  const { port, flows } = await stage.mixed((flow) => flow.reject(new AppError('DIAL_REFUSED', 'no')));
  await curl('-x', `http://127.0.0.1:${port}`, 'http://hidden.example/');
  expect(flows.map((flow) => flow.carry)).toEqual([undefined]);
});

test('whatever comes with or right behind the handshake arrives, in order, however it is cut', async () => {
  const { port, end } = await carrying(dialTo(await echo()));
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 40_000 }),
      fc.array(fc.nat(60), { maxLength: 6 }),
      async (bytes, cuts) => {
        const client = await loopback.connect(port);
        const answer = readAll(client);
        const all = Buffer.concat([greeting, bytes]);
        const places = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
        for (const [index, place] of places.slice(1).entries()) {
          client.write(all.subarray(places[index], place));
          if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        client.end();
        round += 1;
        expect((await answer).subarray(granted).equals(bytes)).toBe(true);
        expect((await end(round))[round - 1]).toMatchObject({ up: bytes.length, down: bytes.length, reason: 'done' });
      },
    ),
    { numRuns: 60 },
  );
});

test('each direction ends by itself', async () => {
  const server = await loopback.listen((socket) => {
    socket.end('I have said all; ');
    void readAll(socket).then((heard) => expect(String(heard)).toBe('so have I'));
  });
  const { port, end } = await carrying(dialTo(server));
  const client = await connected(port);
  const heard = await readAll(client);
  client.end('so have I');
  expect(String(heard)).toBe('I have said all; ');
  expect(await end()).toMatchObject([{ up: 9, down: 17, reason: 'done' }]);
});

test('a reset of either side is passed on, and told', async () => {
  const reset = await loopback.listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const first = await carrying(dialTo(reset));
  const client = await connected(first.port);
  client.write('x');
  expect(await errnoOfEnd(client)).toBe('ECONNRESET');
  expect(await first.end()).toMatchObject([{ reason: 'reset-by-remote' }]);

  const errno = Promise.withResolvers<string | undefined>();
  const server = await loopback.listen((socket) => void errnoOfEnd(socket).then(errno.resolve));
  const second = await carrying(dialTo(server));
  (await connected(second.port)).resetAndDestroy();
  expect(await errno.promise).toBe('ECONNRESET');
  expect(await second.end()).toMatchObject([{ reason: 'reset-by-client' }]);
});

test('it is closed by hand: by FIN after what is on its way, or by RST', async () => {
  const { port, carriers, end } = await carrying(
    dialTo(await loopback.listen((socket) => socket.once('end', () => socket.end()).write('hello'))),
  );
  const graceful = await connected(port);
  await until(() => carriers[0]?.bytes().down === 5);
  carriers[0]?.close('graceful');
  expect(String(await readAll(graceful))).toBe('hello');
  graceful.end();
  const other = await connected(port);
  carriers[1]?.close('reset');
  expect(await errnoOfEnd(other)).toBe('ECONNRESET');
  expect((await end(2)).map(({ reason }) => reason)).toEqual(['closed', 'closed']);
});

test('what cannot be dialled is told in the protocol’s words', async () => {
  const { port } = await carrying(dialTo(await loopback.freePort()));
  const client = await loopback.connect(port);
  client.write(greeting);
  expect([...(await readAll(client))].slice(0, 4)).toEqual([5, 0, 5, 5]);
});

/** A keeper whose outcome the test gives. */
function scripted(more: Partial<KeptStream> = {}) {
  const asked = Promise.withResolvers<AbortSignal>();
  const outcome = Promise.withResolvers<KeptOutcome>();
  const keeper: StreamKeeper = {
    keepStream: (_dial, signal) => {
      asked.resolve(signal);
      return outcome.promise;
    },
  };
  let givenUp = 0;
  const kept: KeptOutcome = {
    ok: true,
    address: '127.0.0.1',
    ms: 1,
    stream: { carry: () => expect.unreachable('nobody is there'), giveUp: () => (givenUp += 1), ...more },
  };
  return { keeper, asked: asked.promise, connect: () => outcome.resolve(kept), givenUp: () => givenUp };
}

test('a stream that cannot be carried resets the client, and ends', async () => {
  const script = scripted({
    carry: () => {
      throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    },
  });
  const { port, end } = await carrying(dialTo(1), { keeper: script.keeper });
  const client = await loopback.connect(port);
  const errno = errnoOfEnd(client);
  client.write(greeting);
  await script.asked;
  script.connect();
  expect(await errno).toBe('ECONNRESET');
  expect(await end()).toMatchObject([{ reason: 'closed' }]);
  expect(script.givenUp()).toBe(1);
});

test('a client that goes while it is dialled takes the dial with it', async () => {
  const script = scripted();
  const { port, opened, end } = await carrying(dialTo(1), { keeper: script.keeper });
  const client = await loopback.connect(port);
  client.write(greeting);
  const signal = await script.asked;
  client.resetAndDestroy();
  expect(await end()).toMatchObject([{ reason: 'abandoned' }]);
  expect(signal.aborted).toBe(true);
  script.connect();
  await until(() => script.givenUp() === 1);
  expect(opened).toEqual([]);
});

test('closed by hand while it is dialled, the client is told', async () => {
  const script = scripted();
  const { port, carriers, end } = await carrying(dialTo(1), { keeper: script.keeper });
  const client = await loopback.connect(port);
  client.write(greeting);
  await script.asked;
  carriers[0]?.close('reset');
  expect([...(await readAll(client))].slice(0, 4)).toEqual([5, 0, 5, 2]);
  script.connect();
  await until(() => script.givenUp() === 1);
  expect(await end()).toMatchObject([{ reason: 'closed' }]);
});

test('it keeps its place until it ends, and is reset with the port', async () => {
  // One client has half of the places.
  const { inbound, port, end } = await carrying(dialTo(await echo()), { connections: 4, strangers: 4 });
  const first = await connected(port);
  const second = await connected(port);
  expect(await errnoOfEnd(await loopback.connect(port))).toBe('FIN');
  first.end();
  await end();
  const third = await connected(port);
  const ends = [second, third].map((client) => errnoOfEnd(client));
  await inbound.stop();
  expect(await Promise.all(ends)).toEqual(['ECONNRESET', 'ECONNRESET']);
  expect((await end(3)).slice(1).map(({ reason }) => reason)).toEqual(['closed', 'closed']);
});

test('16 MiB go both ways through TLS, by a layer that stays', async () => {
  const { cert, key } = new TestAuthority().issue(['proxy.example']);
  const server = await loopback.serve(
    tls.createServer({ cert, key, allowHalfOpen: true }, (end) => {
      end.write('hi ');
      end.pipe(end);
    }),
  );
  const layer: Layer = { protocol: 'tls', node: 'n', serverName: 'proxy.example', insecure: true };
  const { port, end } = await carrying(dialTo(server, [layer]));
  const client = await loopback.connect(port);
  const sent = randomBytes(16 << 20);
  const answer = readAll(client);
  client.write(greeting);
  client.end(sent);
  const heard = (await answer).subarray(granted);
  const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  expect(String(heard.subarray(0, 3))).toBe('hi ');
  expect(sha(heard.subarray(3))).toBe(sha(sent));
  expect(await end()).toMatchObject([{ up: sent.length, down: sent.length + 3, reason: 'done' }]);
});

test('what a layer cannot read ends it, and is said', async () => {
  const garbage = await loopback.listen((socket) => socket.once('data', () => socket.write(randomBytes(4_096))));
  const layer: Layer = {
    protocol: 'shadowsocks',
    node: 'n',
    target: { host: 'a.example', port: 80 },
    method: 'aes-256-gcm',
    key: randomBytes(32),
    identities: [],
  };
  const { port, end } = await carrying(dialTo(garbage, [layer]));
  const client = await connected(port);
  client.write('question');
  expect(await errnoOfEnd(client)).toBe('ECONNRESET');
  expect(await end()).toMatchObject([{ reason: 'unreadable' }]);
});
