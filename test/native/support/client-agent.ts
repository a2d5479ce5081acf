/** Programs on the client machine: they know nothing of the engine and use the network as any program does. */
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from './agent.ts';
import { patternStream } from './pattern.ts';

interface Peer {
  host: string;
  port: number;
}

/** Sockets left open by `open`, by name. */
const open = new Map<string, { socket: net.Socket; received: () => string; ended: () => string }>();

const datagramSockets = new Map<string, { socket: dgram.Socket; received: string[] }>();

function datagramSocket(name: string): { socket: dgram.Socket; received: string[] } {
  const found = datagramSockets.get(name);
  if (!found) throw new Error(`no socket ${name}`);
  return found;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function connected({ host, port }: Peer, timeoutMs = 60_000): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(Object.assign(new Error('no answer'), { code: 'NO_ANSWER' }));
    }, timeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function roundTrip(peer: Peer, text: string): Promise<void> {
  const socket = await connected(peer);
  const answer = new Promise<string>((resolve, reject) => {
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
      if (got.length >= text.length) resolve(got);
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(got));
  });
  socket.write(text);
  const got = await answer;
  if (got !== text) throw new Error(`sent ${text}, got ${got}`);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()).end());
}

serve({
  /** `OK` or the errno of connect(), and how long it took. */
  connect: async ({ timeoutMs, ...peer }: Peer & { timeoutMs?: number }) => {
    const begun = performance.now();
    try {
      const socket = await connected(peer, timeoutMs);
      socket.destroy();
      return { code: 'OK', ms: performance.now() - begun };
    } catch (error) {
      return { code: codeOf(error), ms: performance.now() - begun };
    }
  },

  /** Sends a text, ends its own direction, and reads the rest. */
  exchange: async ({ text, ...peer }: Peer & { text: string }) => {
    const socket = await connected(peer);
    socket.end(text);
    return (await readAll(socket)).toString();
  },

  /** Sends a text and gets as much back before anything is closed. */
  roundTrip: ({ text, ...peer }: Peer & { text: string }) => roundTrip(peer, text),

  download: async ({ bytes, ...peer }: Peer & { bytes: number }) => {
    const socket = await connected(peer);
    socket.write(`${bytes}\n`);
    const hash = createHash('sha256');
    let count = 0;
    for await (const chunk of socket) {
      hash.update(chunk as Buffer);
      count += (chunk as Buffer).length;
    }
    socket.end();
    return { hash: hash.digest('hex'), count };
  },

  upload: async ({ bytes, ...peer }: Peer & { bytes: number }) => {
    const socket = await connected(peer);
    patternStream(bytes).pipe(socket);
    return (await readAll(socket)).toString();
  },

  /** Reads to the end first, waits, then sends. */
  sendAfterEnd: async ({ text, ...peer }: Peer & { text: string }) => {
    const socket = await connected(peer);
    const first = (await readAll(socket)).toString();
    await sleep(100);
    socket.end(text);
    return first;
  },

  /** Many echo round trips; answers what went wrong. */
  many: async ({ count, parallel, ...peer }: Peer & { count: number; parallel: number }) => {
    const failures: string[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const number = next++;
        try {
          await roundTrip(peer, `message ${number}`);
        } catch (error) {
          failures.push(`${number}: ${codeOf(error)}`);
        }
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: parallel }, worker));
    return { failures, ms: performance.now() - begun };
  },

  /** Many connections that the server closes first. */
  manyClosedByServer: async ({ count, parallel, ...peer }: Peer & { count: number; parallel: number }) => {
    const failures: string[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const number = next++;
        try {
          const socket = await connected(peer);
          const text = (await readAll(socket)).toString();
          if (text !== 'bye') failures.push(`${number}: "${text}"`);
          socket.end();
        } catch (error) {
          failures.push(`${number}: ${codeOf(error)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    return { failures };
  },

  /** Connects and keeps the socket under a name. */
  open: async ({ name, ...peer }: Peer & { name: string }) => {
    const socket = await connected(peer);
    let text = '';
    let end = 'open';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('end', () => {
      end = 'end';
    });
    socket.on('error', (error) => {
      end = codeOf(error);
    });
    open.set(name, { socket, received: () => text, ended: () => end });
    return socket.localPort;
  },
  write: ({ name, text }: { name: string; text: string }) => void open.get(name)?.socket.write(text),
  finish: ({ name }: { name: string }) => void open.get(name)?.socket.end(),
  reset: ({ name }: { name: string }) => void open.get(name)?.socket.resetAndDestroy(),
  pause: ({ name }: { name: string }) => void open.get(name)?.socket.pause(),
  state: ({ name }: { name: string }) => ({ received: open.get(name)?.received(), ended: open.get(name)?.ended() }),

  /** Starts a connect and abandons it: `reset` is impossible before it is established, so it is only closed. */
  abandon: async ({ afterMs, ...peer }: Peer & { afterMs: number }) => {
    const socket = net.connect(peer);
    socket.on('error', () => undefined);
    await sleep(afterMs);
    socket.destroy();
  },

  /** Opens a UDP socket under a name, at a port if given, connected if told so; its port. */
  udpOpen: async ({ name, family = 4, port = 0, to }: { name: string; family?: 4 | 6; port?: number; to?: Peer }) => {
    const socket = dgram.createSocket(family === 4 ? 'udp4' : 'udp6');
    const received: string[] = [];
    socket.on('message', (message, from) => received.push(`${message.toString()} from ${from.address}:${from.port}`));
    socket.on('error', (error) => received.push(codeOf(error)));
    await new Promise<void>((resolve) => socket.bind(port, resolve));
    if (to) await new Promise<void>((resolve) => socket.connect(to.port, to.host, () => resolve()));
    datagramSockets.set(name, { socket, received });
    return socket.address().port;
  },
  /** Sends to all of these, or to where it is connected. */
  udpSend: async ({ name, to, text = 'hello', size }: { name: string; to?: Peer[]; text?: string; size?: number }) => {
    const { socket } = datagramSocket(name);
    const bytes = size === undefined ? Buffer.from(text) : Buffer.alloc(size, 's');
    for (const [index, peer] of (to ?? [undefined]).entries()) {
      if (peer) socket.send(bytes, peer.port, peer.host, () => undefined);
      else socket.send(bytes, () => undefined);
      if (index % 64 === 63) await sleep(1);
    }
  },
  /** Waits until it has received so much, and takes all. */
  udpReceived: async ({ name, count = 1, waitMs = 15_000 }: { name: string; count?: number; waitMs?: number }) => {
    const { received } = datagramSocket(name);
    for (const end = Date.now() + waitMs; received.length < count && Date.now() < end; ) await sleep(5);
    return received.splice(0);
  },
  udpClose: ({ name }: { name: string }) => {
    datagramSocket(name).socket.close();
    datagramSockets.delete(name);
  },

  /** Sends datagrams from one socket; answers the sizes and the first bytes of replies, or the socket's error. */
  datagrams: async ({
    messages,
    sizes,
    waitMs = 15_000,
    connect = true,
    ...peer
  }: Peer & { messages?: string[]; sizes?: number[]; waitMs?: number; connect?: boolean }) => {
    const socket = dgram.createSocket(net.isIPv6(peer.host) ? 'udp6' : 'udp4');
    const wanted = [
      ...(messages ?? []).map((text) => Buffer.from(text)),
      ...(sizes ?? []).map((size) => Buffer.alloc(size, 's')),
    ];
    const replies: { length: number; text: string; from: string }[] = [];
    const done = new Promise<string>((resolve) => {
      socket.on('error', (error) => resolve(codeOf(error)));
      socket.on('message', (message, from) => {
        replies.push({
          length: message.length,
          text: message.subarray(0, 40).toString(),
          from: `${from.address}:${from.port}`,
        });
        if (replies.length === wanted.length) resolve('OK');
      });
    });
    if (connect) {
      await new Promise<void>((resolve) => socket.connect(peer.port, peer.host, () => resolve()));
      for (const message of wanted) socket.send(message, () => undefined);
    } else for (const message of wanted) socket.send(message, peer.port, peer.host, () => undefined);
    const code = await Promise.race([done, sleep(waitMs, 'NO_ANSWER')]);
    socket.close();
    return { code, replies };
  },
});
