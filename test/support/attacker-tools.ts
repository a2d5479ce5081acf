/** What attacks of `attacker.ts` are made of: chance that can be repeated, sockets that are left in odd ways, messages. Reads its arguments. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { protocolVersion } from '../../core/contract/rpc.ts';
import { encodeMessage } from '../../core/rpc/message-stream.ts';

const [seed = 1, seconds = 10] = process.argv.slice(2, 4).map(Number);
export const [controlSocket = '', uiPort = '0', mixedPort = '0', only = ''] = process.argv.slice(4);
export const until = performance.now() + seconds * 1_000;
export const mebibyte = 1024 * 1024;

/** Sockets, packets and messages that one attack makes at most; sockets that stay open behind it. */
export const most = { sockets: 150, packets: 3_000, messages: 300, open: 1_500 };

/** mulberry32, by Tommy Ettinger (public domain). */
function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
export const random = generator(seed);
export const below = (limit: number): number => Math.floor(random() * limit);
export const oneOf = <T>(values: readonly T[]): T => values[below(values.length)] as T;
export const bytes = (length: number): Buffer =>
  Buffer.from(Array.from({ length: Math.min(length, 1_000) }, () => below(256)));
export const word = (): string => below(36 ** 8).toString(36);
export const open = new Set<net.Socket>();

export function connect(to: net.NetConnectOpts, said: readonly Uint8Array[] = []): net.Socket {
  const socket = net.connect({ ...to, allowHalfOpen: true });
  open.add(socket);
  const [oldest] = open;
  if (open.size > most.open) oldest?.destroy();
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
  socket.on('connect', () => {
    for (const each of said) socket.write(each);
  });
  if (random() < 0.7) socket.resume();
  return socket;
}

/** A program to its end, which is near. */
export async function run(file: string, args: readonly string[]): Promise<void> {
  const program = spawn(file, args, { stdio: 'ignore', timeout: 8_000, killSignal: 'SIGKILL' });
  await once(program, 'close').catch(() => undefined);
}

/** Ends a socket in one of the ways there are, or leaves it. */
function leave(socket: net.Socket): void {
  const how = below(5);
  if (how === 0) socket.destroy();
  else if (how === 1 && socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else if (how === 2) socket.end();
  else if (how === 3) socket.write(bytes(500));
}

export const message = (value: object): Buffer => Buffer.concat(encodeMessage(value));
export const hello = message({ kind: 'hello', protocol: protocolVersion, version: 'attacker' });
export const request = (method: string, params: unknown, id = below(1e6)): Buffer =>
  message({ kind: 'request', id, method, params });
export const part = (text: string, last = false): Buffer => message({ kind: 'part', last, text });
export const control = (...said: Uint8Array[]): net.Socket => connect({ path: controlSocket }, [hello, ...said]);
export const opening = '{"kind":"request","id":1,"method":"applyConfig","params":{"config":';

export async function many(count: number, one: (i: number) => net.Socket | undefined): Promise<void> {
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

/** A question for the address of a name (RFC 1035 section 4.1). */
export function question(name: string): Buffer {
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
