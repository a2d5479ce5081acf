/**
 * A DNS client with no manners, run as a program: `raw-dns-client.ts SERVER MODE ...`.
 * `exchange` sends messages (JSON on the standard input) each from a socket of its own and prints what came back;
 * `garble COUNT SEED` sends messages with wrong bytes in them; `never-read`, `stall` and `vanish COUNT` are TCP connections that
 * read nothing, stop inside the length, or leave at once, until the program is ended; `wait COUNT` asks by TCP what has no answer.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { queryFor } from '../../core/net/dns-message.ts';

export interface RawMessage {
  network: 'udp' | 'tcp';
  hex: string;
}
/** The first answer as hex; `silence` within the patience; by TCP also `closed` or `reset`. */
export type RawAnswer = string;

const [server = '', mode = '', ...args] = process.argv.slice(2);
const count = Number(args[0]);
/** Without an answer for so long there is none. Milliseconds. */
const patience = 1_500;

switch (mode) {
  case 'exchange': {
    let input = '';
    for await (const chunk of process.stdin) input += String(chunk);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test wrote it
    const messages = JSON.parse(input) as RawMessage[];
    const answers = await Promise.all(
      messages.map(({ network, hex }) => (network === 'udp' ? byUdp : byTcp)(Buffer.from(hex, 'hex'))),
    );
    process.stdout.write(JSON.stringify(answers), () => process.exit());
    break;
  }
  case 'garble':
    await garble(count, Number(args[1]));
    process.exit();
    break;
  case 'never-read': {
    const question = framed(encodeMessage(queryFor(1, 'known.example', 'A', undefined)));
    const many = Buffer.concat(Array.from({ length: 2_000 }, () => question));
    hold(() => connect((socket) => void socket.write(many)));
    break;
  }
  case 'stall':
    hold(() => connect((socket) => void socket.write(Buffer.of(0))));
    break;
  case 'vanish': {
    const question = framed(encodeMessage(queryFor(1, 'known.example', 'A', undefined)));
    const again = (): void => {
      const socket = connect(() => socket.write(question, () => socket.destroy()));
      socket.on('close', () => setTimeout(again, 50));
    };
    hold(again);
    break;
  }
  case 'wait': {
    const questions = Array.from({ length: 64 }, (_, i) =>
      framed(encodeMessage(queryFor(i, `w${process.pid}-${i}-${Math.random()}.dead.example`, 'TXT', undefined))),
    );
    hold(() => connect((socket) => void socket.write(Buffer.concat(questions))));
    break;
  }
}

function hold(one: () => void): void {
  for (let i = 0; i < count; i++) one();
  setTimeout(() => process.stdout.write('ready\n'), 500);
  setInterval(() => undefined, 1_000);
}

/** A connection that is not read from. */
function connect(then: (socket: net.Socket) => void): net.Socket {
  const socket = new net.Socket();
  socket.pause();
  socket.on('error', () => undefined);
  socket.connect(53, server, () => then(socket));
  return socket;
}

function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]);
}

function byUdp(message: Buffer): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    const end = (answer: RawAnswer): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      resolve(answer);
    };
    const timer = setTimeout(() => end('silence'), patience);
    socket.on('error', () => undefined);
    socket.on('message', (bytes) => end(bytes.toString('hex')));
    socket.send(message, 53, server);
  });
}

function byTcp(message: Buffer): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = net.connect(53, server, () => socket.write(framed(message)));
    let got = Buffer.alloc(0);
    const end = (answer: RawAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end('silence'), patience);
    socket.on('error', () => end('reset'));
    socket.on('end', () => end('closed'));
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) end(got.subarray(2).toString('hex'));
    });
  });
}

/** The same for the same seed: bytes changed, cut off, appended, or all of them random. */
async function garble(messages: number, seed: number): Promise<void> {
  const socket = dgram.createSocket('udp4');
  socket.on('error', () => undefined);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  const edns = { udpSize: 1232, version: 0, dnssecOk: true };
  const models = ['A', 'AAAA', 'HTTPS', 'PTR', 'ANY'].map((type) =>
    Buffer.from(encodeMessage(queryFor(random(65_536), 'www.hidden.example', type, edns))),
  );
  for (let i = 0; i < messages; i++) {
    const model = models[random(models.length)] ?? Buffer.alloc(12);
    let message = Buffer.concat([model, Buffer.alloc(random(4) === 0 ? random(600) : 0, random(256))]);
    const wrong = random(8) === 0 ? message.length : 1 + random(4);
    for (let k = 0; k < wrong; k++) message[random(message.length)] = random(256);
    if (random(5) === 0) message = message.subarray(0, random(message.length));
    socket.send(message, 53, server);
    if (i % 50 === 49) await sleep(5);
  }
  await sleep(100);
}
