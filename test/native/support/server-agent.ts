/** Servers on the far machine. The port says what a server does. */
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from './agent.ts';
import { patternStream } from './pattern.ts';
import { ports } from './ports.ts';

/** How connections to `watch` and `halfClose` went, in order of their end. */
const seen: { bytes: number; hash: string; ended: string }[] = [];

function listen(port: number, onSocket: (socket: net.Socket) => void): Promise<void> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  return new Promise((resolve) => server.listen(port, '::', 4096, resolve));
}

function record(socket: net.Socket): void {
  const hash = createHash('sha256');
  let bytes = 0;
  let ended = 'nothing';
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  socket.on('end', () => {
    ended = 'end';
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code ?? error.message;
  });
  socket.on('close', () => seen.push({ bytes, hash: hash.digest('hex'), ended }));
}

await listen(ports.echo, (socket) => socket.pipe(socket));
await listen(ports.sink, (socket) => {
  const hash = createHash('sha256');
  socket.on('data', (chunk) => hash.update(chunk));
  socket.on('end', () => socket.end(hash.digest('hex')));
});
await listen(ports.source, (socket) => {
  socket.once('data', (line) => patternStream(Number(line.toString())).pipe(socket));
});
await listen(ports.halfClose, (socket) => {
  record(socket);
  socket.end('that is all from me\n');
});
await listen(ports.reset, (socket) => {
  socket.once('data', () => socket.resetAndDestroy());
});
await listen(ports.watch, (socket) => {
  record(socket);
  socket.write('hello\n');
  socket.on('end', () => socket.end());
});
await listen(ports.close, (socket) => {
  socket.end('bye');
  socket.resume();
});

// A socket at the wildcard would answer from the machine's own address instead of the one that was asked.
for (const address of ['10.99.0.1', '10.99.0.7', 'fd99::1']) {
  const udp = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4');
  udp.on('message', (message, from) => {
    const size = /^size (\d+)$/.exec(message.toString());
    udp.send(size ? Buffer.alloc(Number(size[1]), 'x') : message, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(ports.echo, address, resolve));
}

for (const address of ['10.99.0.1', '10.99.0.2', '10.99.0.3', 'fd99::1']) {
  const udp = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4');
  udp.on('message', (_message, from) => udp.send(`${from.address}:${from.port}`, from.port, from.address));
  await new Promise<void>((resolve) => udp.bind(ports.mapping, address, resolve));
}

interface Endpoint {
  host: string;
  port: number;
}

serve({
  seen: () => seen.splice(0),

  /** Sends a datagram from an address and port of its own; the answers that come within `waitMs`, and from where. */
  say: async ({ from, to, text, waitMs = 0 }: { from: Endpoint; to: Endpoint; text: string; waitMs?: number }) => {
    const socket = dgram.createSocket(net.isIPv6(from.host) ? 'udp6' : 'udp4');
    const answers: string[] = [];
    socket.on('message', (message, peer) => answers.push(`${message.toString()} from ${peer.address}:${peer.port}`));
    await new Promise<void>((resolve) => socket.bind(from.port, from.host, resolve));
    socket.send(text, to.port, to.host);
    await sleep(waitMs);
    await new Promise<void>((resolve) => socket.close(resolve));
    return answers;
  },
});
