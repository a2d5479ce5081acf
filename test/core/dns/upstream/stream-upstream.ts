/** A DNS server for kept connections on the loopback, by TCP or TLS: it hears questions and says what a test tells it, when and how. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';

export interface Asked {
  readonly query: DnsMessage;
  /** As on the wire, with the two bytes of length. */
  readonly bytes: Uint8Array;
  readonly socket: net.Socket;
  /** Which connection it came by, from 0. */
  readonly connection: number;
}

export class StreamUpstream {
  readonly received: Asked[] = [];
  readonly connections: net.Socket[] = [];
  /** Called for each question; silence unless a test says otherwise. */
  behaviour: (asked: Asked) => void = () => undefined;
  readonly #server: net.Server;

  private constructor(server: net.Server, event: string) {
    this.#server = server;
    // Whoever breaks off in the middle is the test's concern.
    server.on('tlsClientError', () => undefined);
    server.on(event, (socket: net.Socket) => this.#accept(socket));
  }

  /** DNS over TLS with `secure`, else plain TCP. */
  static async start(secure?: tls.TlsOptions): Promise<StreamUpstream> {
    const server = secure === undefined ? net.createServer() : tls.createServer(secure);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new StreamUpstream(server, secure === undefined ? 'connection' : 'secureConnection');
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Resolves with the questions when `count` have come. */
  async questions(count: number): Promise<readonly Asked[]> {
    for (const end = Date.now() + 60_000; this.received.length < count; ) {
      if (Date.now() > end) throw new Error(`waited for ${count} questions, ${this.received.length} came`);
      await sleep(1);
    }
    return this.received;
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: net.Socket): void {
    const connection = this.connections.push(socket) - 1;
    let rest = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
        const bytes = rest.subarray(0, 2 + rest.readUInt16BE());
        rest = rest.subarray(bytes.length);
        const decoded = decodeMessage(bytes.subarray(2));
        if (!decoded.ok) throw new Error(`the resolver sent nonsense: ${decoded.reason}`);
        const asked = { query: decoded.message, bytes, socket, connection };
        this.received.push(asked);
        this.behaviour(asked);
      }
    });
  }
}

/** With the two bytes of length before it. */
export function framed(message: DnsMessage | Uint8Array): Buffer {
  const bytes = message instanceof Uint8Array ? message : encodeMessage(message);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** The good answer to a question, changed as a test wants. */
export function answerTo({ query }: Pick<Asked, 'query'>, change: Partial<DnsMessage> = {}): DnsMessage {
  return { ...responseTo(query, 'NOERROR'), ...change };
}
