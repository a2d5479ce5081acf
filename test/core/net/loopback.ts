/** Real TCP connections over loopback for tests; everything is closed by `closeAll`. */
import { once } from 'node:events';
import net from 'node:net';

export class Loopback {
  readonly #servers: net.Server[] = [];
  readonly #sockets: net.Socket[] = [];

  /** A server on a free port. */
  async listen(onConnection: (socket: net.Socket) => void): Promise<number> {
    return await this.serve(net.createServer({ allowHalfOpen: true }, onConnection));
  }

  /** Another server, of TLS for example. */
  async serve(server: net.Server): Promise<number> {
    server.prependListener('connection', (socket) => this.#keep(socket));
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no address');
    return address.port;
  }

  async connect(port: number): Promise<net.Socket> {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.#keep(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** Both ends of one connection. */
  async pair(): Promise<[net.Socket, net.Socket]> {
    const accepted = Promise.withResolvers<net.Socket>();
    const port = await this.listen(accepted.resolve);
    return [await this.connect(port), await accepted.promise];
  }

  /** A port on which nobody listens. */
  async freePort(): Promise<number> {
    const port = await this.listen(() => undefined);
    const server = this.#servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    return port;
  }

  async closeAll(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #keep(socket: net.Socket): void {
    socket.on('error', () => undefined);
    this.#sockets.push(socket);
  }
}

/** Everything up to FIN; rejects at RST. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject));
  return Buffer.concat(chunks);
}

/** The errno by which a socket ends. */
export async function errnoOfEnd(socket: net.Socket): Promise<string | undefined> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)).once('end', () => resolve('FIN'));
  });
}
