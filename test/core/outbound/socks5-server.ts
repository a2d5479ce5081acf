/** A tiny SOCKS5 server for tests, deliberately apart from our codecs: it answers as told and records what it was asked. */
import net from 'node:net';

export interface Socks5ServerOptions {
  /** Wanted user name and password. */
  readonly user?: { username: string; password: string };
  /** Reply code of CONNECT; default 0. */
  readonly reply?: number;
  /** Sent right behind the reply, in the same segment. */
  readonly banner?: string;
  /** FIN behind the banner. */
  readonly endAfterBanner?: boolean;
  /** Stops answering after the greeting. */
  readonly mute?: boolean;
  /** Every answer is sent byte by byte. */
  readonly trickle?: boolean;
  /** Where the bytes go: this port of 127.0.0.1; absent = they are echoed. */
  readonly forwardTo?: number;
}

export interface Socks5Asked {
  host: string;
  port: number;
  password: string | undefined;
}

/** Serves one connection; `asked` receives what it wanted. */
export async function serveSocks5(
  socket: net.Socket,
  options: Socks5ServerOptions,
  asked: Socks5Asked[],
): Promise<void> {
  const send = async (bytes: Buffer): Promise<void> => {
    if (!options.trickle) return void socket.write(bytes);
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const [, methodCount = 0] = await take(socket, 2);
  const methods = await take(socket, methodCount);
  if (options.mute) return;
  let password: string | undefined;
  if (options.user === undefined) await send(Buffer.of(5, 0));
  else {
    if (!methods.includes(2)) return void socket.end(Buffer.of(5, 255));
    await send(Buffer.of(5, 2));
    const [, userLength = 0] = await take(socket, 2);
    const username = (await take(socket, userLength)).toString();
    password = (await take(socket, (await take(socket, 1))[0] ?? 0)).toString();
    const good = username === options.user.username && password === options.user.password;
    await send(Buffer.of(1, good ? 0 : 1));
    if (!good) return void socket.end();
  }
  const [, , , type] = await take(socket, 4);
  const length = type === 1 ? 4 : type === 4 ? 16 : ((await take(socket, 1))[0] ?? 0);
  const address = await take(socket, length);
  const host = type === 3 ? address.toString() : type === 1 ? address.join('.') : address.toString('hex');
  asked.push({ host, port: (await take(socket, 2)).readUInt16BE(), password });
  const reply = options.reply ?? 0;
  const bound = Buffer.of(5, reply, 0, 1, 127, 0, 0, 1, 1, 187);
  await send(Buffer.concat([bound, Buffer.from(options.banner ?? '')]));
  if (reply !== 0 || options.endAfterBanner) return void socket.end();
  const target = options.forwardTo;
  if (target === undefined) return void socket.pipe(socket);
  const onward = net.connect({ host: '127.0.0.1', port: target, allowHalfOpen: true });
  onward.on('error', () => socket.resetAndDestroy());
  socket.on('error', () => onward.resetAndDestroy());
  socket.pipe(onward).pipe(socket);
}

/** Exactly so many bytes. */
async function take(socket: net.Socket, count: number): Promise<Buffer> {
  for (;;) {
    if (count === 0) return Buffer.alloc(0);
    const bytes: unknown = socket.read(count);
    if (bytes instanceof Buffer && bytes.length === count) return bytes;
    await new Promise((resolve, reject) =>
      socket.once('readable', resolve).once('close', () => reject(new Error('closed'))),
    );
  }
}
