/** A network between a resolver and its server that can go away. */
import { once } from 'node:events';
import net from 'node:net';

/** Carries bytes to the server until it is told to swallow them, as a network that has gone does: no FIN, no RST, nothing. */
export class Relay implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets: net.Socket[] = [];

  constructor(to: number) {
    this.#server = net.createServer((near) => {
      const far = net.connect(to, '127.0.0.1');
      this.#sockets.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      near.pipe(far).pipe(near);
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** What is connected now; new connections are carried again. */
  swallow(): void {
    for (const socket of this.#sockets) socket.unpipe().resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
