/**
 * The connections of the browser server: how many there may be, and which one gives way. Whoever has not shown that they
 * are signed in is a stranger, and strangers can never keep a person out: the oldest of them makes room for the newest.
 */
import type { Socket } from 'node:net';

export class ConnectionGate {
  readonly #most: number;
  /** Oldest first. */
  readonly #strangers = new Set<Socket>();
  readonly #admitted = new Set<Socket>();
  #gaveWay = 0;

  /** `most` connections at once, of strangers and of those who are signed in together. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Connections that were ended to make room, since the start. */
  get gaveWay(): number {
    return this.#gaveWay;
  }

  /** Takes a new connection in, whose errors are nobody's business from its first moment to its last. */
  welcome(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    this.#strangers.add(socket);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#admitted.delete(socket);
    });
    if (this.#strangers.size + this.#admitted.size <= this.#most) return;
    const [oldest = socket] = this.#strangers;
    this.#gaveWay += 1;
    this.#strangers.delete(oldest);
    oldest.destroy();
  }

  /** This connection has shown that it is signed in: it gives way to nobody. */
  admit(socket: Socket): void {
    if (this.#strangers.delete(socket)) this.#admitted.add(socket);
  }
}
