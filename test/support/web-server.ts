/**
 * A server to connect to, run as a program: `web-server.ts ADDRESS`.
 * HTTP on 80: `/` tells host and client, `/bytes/N` sends N pseudo-random bytes, `/bytes/N/R` no more than R of them a second
 * (curl's own --limit-rate lets megabytes pass at once), POST `/sha256` answers the body's hash.
 * TCP 7 echoes, TCP 8 answers what it got only after the client's FIN, UDP 9 echoes, UDP 10 tells the client, UDP 123 answers like NTP.
 */
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import http from 'node:http';
import net from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const address = process.argv[2] ?? '127.0.0.1';

/** The same bytes for everybody: block i is the SHA-256 of i, repeated. */
function* pseudoRandom(length: number): Generator<Buffer> {
  for (let i = 0, left = length; left > 0; i++) {
    const block = Buffer.alloc(Math.min(65_536, left), createHash('sha256').update(String(i)).digest());
    left -= block.length;
    yield block;
  }
}

/** The same at `rate` bytes a second at most. */
async function* paced(length: number, rate: number): AsyncGenerator<Buffer> {
  const begun = performance.now();
  let sent = 0;
  for (const block of pseudoRandom(length)) {
    sent += block.length;
    await sleep(begun + (1000 * sent) / rate - performance.now());
    yield block;
  }
}

const web = http.createServer((request, response) => {
  const bytes = /^\/bytes\/(\d+)(?:\/(\d+))?$/.exec(request.url ?? '');
  if (bytes) {
    const [, length, rate] = bytes;
    response.writeHead(200, { 'content-length': length, 'content-type': 'application/octet-stream' });
    const source = rate === undefined ? pseudoRandom(Number(length)) : paced(Number(length), Number(rate));
    // Whoever asked may be gone before the end.
    pipeline(Readable.from(source), response).catch(() => undefined);
  } else if (request.method === 'POST') {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => response.end(`${hash.digest('hex')}\n`));
  } else {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(
      `<!doctype html><title>hello</title><p>host=${request.headers.host} client=${request.socket.remoteAddress}\n`,
    );
  }
});
const echo = net.createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => undefined).pipe(socket));
const afterFin = net.createServer({ allowHalfOpen: true }, (socket) => {
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('end', () =>
    socket.end(`got ${Buffer.concat(chunks).length} bytes: ${Buffer.concat(chunks).toString().trim()}\n`),
  );
});
const udpEcho = dgram.createSocket('udp4');
udpEcho.on('message', (message, from) => udpEcho.send(message, from.port, from.address));
const whoAsks = dgram.createSocket('udp4');
whoAsks.on('message', (_message, from) => whoAsks.send(`client=${from.address}`, from.port, from.address));
const ntp = dgram.createSocket('udp4');
ntp.on('message', (message, from) => {
  if (message.length < 48) return;
  const answer = Buffer.alloc(48);
  answer[0] = 0x24; // leap 0, version 4, mode server
  message.copy(answer, 24, 40, 48); // originate = client's transmit
  ntp.send(answer, from.port, from.address);
});

// Whoever asks may be gone, or have said more than can be sent back.
for (const socket of [udpEcho, ntp]) socket.on('error', () => undefined);
web.on('clientError', (_error, socket) => socket.destroy());

await Promise.all([
  new Promise<void>((resolve) => void web.listen(80, address, resolve)),
  new Promise<void>((resolve) => void echo.listen(7, address, resolve)),
  new Promise<void>((resolve) => void afterFin.listen(8, address, resolve)),
  new Promise<void>((resolve) => void udpEcho.bind(9, address, resolve)),
  new Promise<void>((resolve) => void whoAsks.bind(10, address, resolve)),
  new Promise<void>((resolve) => void ntp.bind(123, address, resolve)),
]);
process.stdout.write('ready\n');
