/**
 * A TLS client whose ClientHello travels in an unusual way, run as a program: `split-hello.ts ADDRESS PORT NAME HOW`.
 * HOW: `segments` (600 bytes at a time, 30 ms apart), `records` (the handshake message in two records, 30 ms apart), `large`
 * (more than one record can hold). Asks for `/` and prints `hello=BYTES` and the answer.
 */
import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

const [address = '127.0.0.1', port = '443', name = '', how = 'segments'] = process.argv.slice(2);
const pause = 30;
const firstRecord = 50;
const recordHead = 5;

function pieces(hello: Buffer): Buffer[] {
  if (how === 'large') return [hello];
  if (how === 'segments') {
    return Array.from({ length: Math.ceil(hello.length / 600) }, (_, i) => hello.subarray(i * 600, (i + 1) * 600));
  }
  const body = hello.subarray(recordHead);
  return [body.subarray(0, firstRecord), body.subarray(firstRecord)].map((part) =>
    Buffer.concat([hello.subarray(0, 3), Buffer.from([part.length >> 8, part.length & 255]), part]),
  );
}

let greeted = false;
let helloBytes = 0;
async function send(chunk: Buffer, done: () => void): Promise<void> {
  if (!greeted) helloBytes += chunk.length;
  for (const piece of greeted ? [chunk] : pieces(chunk)) {
    raw.write(piece);
    if (!greeted && how !== 'large') await sleep(pause);
  }
  done();
}

const raw = net.connect(Number(port), address).setNoDelay(true);
const wire = new Duplex({
  read: () => undefined,
  write: (chunk: Buffer, _encoding, done) => void send(chunk, done),
  final: (done) => void raw.end(done),
});
raw.on('data', (chunk) => {
  greeted = true;
  wire.push(chunk);
});
raw.on('end', () => wire.push(null));
raw.on('error', (error) => wire.destroy(error));

const protocols = how === 'large' ? Array.from({ length: 70 }, (_, i) => `${i}`.padEnd(250, 'x')) : [];
const secure = tls.connect({
  socket: wire,
  servername: name,
  rejectUnauthorized: false,
  ALPNProtocols: ['http/1.1', ...protocols],
});
secure.on('secureConnect', () => secure.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`));
secure.on('error', (error) => process.stdout.write(`error: ${error.message}\n`));
secure.on('data', (chunk: Buffer) => process.stdout.write(chunk));
secure.on('end', () => {
  process.stdout.write(`hello=${helloBytes}\n`);
  raw.destroy();
});
