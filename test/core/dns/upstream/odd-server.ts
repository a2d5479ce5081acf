/** A DNS server on the loopback whose every byte a test decides: by UDP and TCP on one port, or by TLS. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { onOnePort, record } from './fake-upstream.ts';
import { framed } from './stream-upstream.ts';

export interface OddBehaviour {
  /** Called for each datagram; `nth` counts those about the same name, from 0. */
  readonly udp?: (query: DnsMessage, reply: (bytes: Uint8Array) => void, nth: number) => void;
  /** Called for each connection. */
  readonly stream?: (socket: net.Socket, nth: number) => void;
}

export class OddServer {
  readonly #udp: dgram.Socket;
  readonly #tcp: net.Server;
  readonly #sockets = new Set<net.Socket>();
  connections = 0;

  private constructor(udp: dgram.Socket, tcp: net.Server, behaviour: OddBehaviour) {
    this.#udp = udp;
    this.#tcp = tcp;
    const seen = new Map<string, number>();
    udp.on('message', (bytes, from) => {
      const reply = (answer: Uint8Array): void => udp.send(answer, from.port, from.address);
      const query = decoded(bytes);
      const name = query.questions[0]?.name.toLowerCase() ?? '';
      const nth = seen.get(name) ?? 0;
      seen.set(name, nth + 1);
      behaviour.udp?.(query, reply, nth);
    });
    tcp.on('tlsClientError', () => undefined);
    tcp.on(tcp instanceof tls.Server ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      if (behaviour.stream === undefined) socket.destroy();
      else behaviour.stream(socket, this.connections++);
    });
  }

  static async start(behaviour: OddBehaviour, secure?: tls.TlsOptions): Promise<OddServer> {
    const { udp, tcp } = await onOnePort(() => (secure === undefined ? net.createServer() : tls.createServer(secure)));
    return new OddServer(udp, tcp, behaviour);
  }

  get port(): number {
    return this.#udp.address().port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }
}

/** Calls for each whole question of a connection, with how many came before it. */
export function onQuestions(socket: net.Socket, ask: (query: DnsMessage, nth: number) => void): void {
  let rest = Buffer.alloc(0);
  let nth = 0;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      const query = decoded(rest.subarray(2, end));
      rest = rest.subarray(end);
      ask(query, nth++);
    }
  });
}

/** The good answer: an address for A made of the name's first number, "there is none" for the rest. */
export function good(query: DnsMessage, change: Partial<DnsMessage> = {}): Uint8Array {
  const [question] = query.questions;
  const name = question?.name ?? '.';
  const answers = question?.type === 'A' ? [record(name, 'A', addressFor(name))] : [];
  return encodeMessage({ ...responseTo(query, 'NOERROR'), answers, ...change });
}

export const goodFramed = (query: DnsMessage, change: Partial<DnsMessage> = {}): Buffer => framed(good(query, change));

export const addressFor = (name: string): string => `192.0.2.${/\d+/.exec(name)?.[0] ?? 255}`;

function decoded(bytes: Uint8Array): DnsMessage {
  const result = decodeMessage(bytes);
  if (!result.ok) throw new Error(`the resolver sent nonsense: ${result.reason}`);
  return result.message;
}
