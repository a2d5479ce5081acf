/** A DNS server on the loopback, by UDP and TCP on one port, that answers as a test says; and the sockets to reach it. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamOpener } from '../../../../core/dns/upstream/upstream.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, type DnsRecord, responseTo } from '../../../../core/net/dns-message.ts';

export interface Received {
  readonly network: 'udp' | 'tcp';
  readonly query: DnsMessage;
  readonly port: number;
}

/** Messages to send back, in order; none = silence. */
export type Behaviour = (received: Received) => readonly (DnsMessage | Uint8Array)[];

/** Both listen at one port of the loopback. */
export async function onOnePort(createTcp: () => net.Server): Promise<{ udp: dgram.Socket; tcp: net.Server }> {
  for (;;) {
    const tcp = createTcp().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const udp = dgram.createSocket('udp4').bind((tcp.address() as net.AddressInfo).port, '127.0.0.1');
    try {
      await once(udp, 'listening');
      return { udp, tcp };
    } catch {
      // Somebody else has this port by UDP: many ask from one at any time.
      tcp.close();
    }
  }
}

export class FakeUpstream {
  readonly received: Received[] = [];
  behaviour: Behaviour;
  readonly #udp: dgram.Socket;
  readonly #tcp: net.Server;
  readonly #connections = new Set<net.Socket>();

  private constructor(udp: dgram.Socket, tcp: net.Server, behaviour: Behaviour) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.behaviour = behaviour;
    udp.on('message', (bytes, from) => {
      for (const answer of this.#answer(bytes, 'udp', from.port)) udp.send(answer, from.port, from.address);
    });
    tcp.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.on('error', () => undefined);
      let data = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        data = Buffer.concat([data, chunk]);
        if (data.length < 2 || data.length < 2 + data.readUInt16BE(0)) return;
        for (const answer of this.#answer(data.subarray(2), 'tcp', socket.remotePort ?? 0)) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          // In two parts, as a slow network would bring it.
          socket.write(Buffer.concat([length, answer.subarray(0, 5)]));
          setTimeout(() => socket.end(answer.subarray(5)), 5);
        }
      });
    });
  }

  static async start(behaviour: Behaviour): Promise<FakeUpstream> {
    const { udp, tcp } = await onOnePort(() => net.createServer());
    return new FakeUpstream(udp, tcp, behaviour);
  }

  get port(): number {
    return this.#udp.address().port;
  }

  /** Resolves when `count` questions have come. */
  async questions(count: number): Promise<void> {
    for (const end = Date.now() + 60_000; this.received.length < count; ) {
      if (Date.now() > end) throw new Error(`waited for ${count} questions, ${this.received.length} came`);
      await sleep(2);
    }
  }

  /** A datagram to who asked from this port, whenever a test wants. */
  send(answer: DnsMessage, port: number): void {
    this.#udp.send(encodeMessage(answer), port, '127.0.0.1');
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }

  #answer(bytes: Uint8Array, network: 'udp' | 'tcp', port: number): Uint8Array[] {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) throw new Error(`the resolver sent nonsense: ${decoded.reason}`);
    const received = { network, query: decoded.message, port };
    this.received.push(received);
    return this.behaviour(received).map((answer) => (answer instanceof Uint8Array ? answer : encodeMessage(answer)));
  }
}

/** Opens sockets as `Egress` makes them; counts what is open. */
export class LoopbackOpener implements UpstreamOpener {
  open = 0;
  /** The interfaces that were wanted. */
  readonly devices: string[] = [];

  by(device: string): this {
    this.devices.push(device);
    return this;
  }

  openUdp(): dgram.Socket {
    this.open += 1;
    const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    socket.on('close', () => (this.open -= 1));
    return socket;
  }

  async connectTcp(addresses: readonly string[], port: number): Promise<net.Socket> {
    const socket = net.connect({ port, host: addresses[0] ?? '', allowHalfOpen: true, noDelay: true });
    this.open += 1;
    socket.on('close', () => (this.open -= 1));
    await once(socket, 'connect');
    return socket;
  }
}

/** A list is the character strings of a TXT record. */
export const record = (name: string, type: string, data: unknown, ttl = 60): DnsRecord => ({
  name,
  type,
  ttl,
  data: Array.isArray(data) ? characterStrings(data.map(String)) : data,
});

const characterStrings = (texts: readonly string[]): Uint8Array =>
  Uint8Array.from(texts.flatMap((text) => [Buffer.byteLength(text), ...Buffer.from(text)]));

export const answerWith =
  (...answers: DnsRecord[]): Behaviour =>
  ({ query }) => [{ ...responseTo(query, 'NOERROR'), answers }];

export const answerRcode =
  (rcode: string): Behaviour =>
  ({ query }) => [responseTo(query, rcode)];
