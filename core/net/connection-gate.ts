/**
 * The connections of a listening port: how many there may be, and which one gives way. Whoever has not shown what they came
 * for is a stranger; clients share the places of strangers and all places, and the oldest stranger of a client makes room
 * for its newest, so that a crowd of half-open connections keeps nobody out, not even others of its own.
 */
import type { Socket } from 'node:net';
import { Shares } from '../base/shares.ts';

export interface GateLimits {
  /** Connections at once; one client has half of them at most. */
  readonly connections: number;
  /** Of these, strangers. */
  readonly strangers: number;
}

/** While there are fewer connections, nobody is asked whose they are. */
const few = 32;
const unnamed = 'one of a few';

export class ConnectionGate {
  readonly #clientOf: (socket: Socket) => string;
  readonly #places: Shares;
  readonly #strangerPlaces: Shares;
  /** The client of each, strangers oldest first. */
  readonly #strangers = new Map<Socket, string>();
  readonly #admitted = new Map<Socket, string>();
  /** Admitted ones that have no socket any more. */
  #kept = 0;
  #turnedAway = 0;

  /** `clientOf` names whoever is at the other end: a user of this machine, or an address. */
  constructor(limits: GateLimits, clientOf: (socket: Socket) => string) {
    this.#clientOf = clientOf;
    this.#places = new Shares(limits.connections);
    this.#strangerPlaces = new Shares(limits.strangers);
  }

  /** Connections that gave way or found no place, since the start. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  get size(): number {
    return this.#strangers.size + this.#admitted.size + this.#kept;
  }

  /**
   * Takes a new connection in, whose errors are nobody's business from its first moment to its last. False when there is no
   * place for it: it is then destroyed.
   */
  welcome(socket: Socket): boolean {
    socket.on('error', () => socket.destroy());
    const client = this.size < few ? unnamed : this.#clientOf(socket);
    while (!this.#take(client)) {
      const oldest = this.#oldestStrangerOf(client);
      this.#turnedAway += 1;
      if (oldest === undefined) {
        socket.destroy();
        return false;
      }
      this.#leave(oldest);
      oldest.destroy();
    }
    this.#strangers.set(socket, client);
    socket.once('close', () => this.#leave(socket));
    return true;
  }

  /** This connection has shown what it came for: it gives way to nobody. */
  admit(socket: Socket): void {
    const client = this.#strangers.get(socket);
    if (client === undefined) return;
    this.#strangers.delete(socket);
    this.#strangerPlaces.give(client);
    this.#admitted.set(socket, client);
  }

  /** An admitted connection goes on without its socket: its place is kept until what is returned is called. */
  keep(socket: Socket): () => void {
    const client = this.#admitted.get(socket);
    if (client === undefined) return () => undefined;
    this.#admitted.delete(socket);
    this.#kept += 1;
    let isKept = true;
    return () => {
      if (!isKept) return;
      isKept = false;
      this.#kept -= 1;
      this.#places.give(client);
    };
  }

  #take(client: string): boolean {
    if (!this.#places.take(client)) return false;
    if (this.#strangerPlaces.take(client)) return true;
    this.#places.give(client);
    return false;
  }

  #oldestStrangerOf(client: string): Socket | undefined {
    for (const [socket, its] of this.#strangers) if (its === client) return socket;
    return undefined;
  }

  #leave(socket: Socket): void {
    const stranger = this.#strangers.get(socket);
    if (stranger !== undefined) this.#strangerPlaces.give(stranger);
    const client = stranger ?? this.#admitted.get(socket);
    if (client !== undefined) this.#places.give(client);
    this.#strangers.delete(socket);
    this.#admitted.delete(socket);
  }
}
