/**
 * Resolvers on this machine that we ask ourselves (dnsmasq, unbound, a tool that encrypts): what they ask of others, to answer
 * us, must not come back to us. It goes out as it is, and its answer back as it is.
 */
import type { Duplex } from 'node:stream';
import { formatEndpoint } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import { GrowingBytes } from '../../base/growing-bytes.ts';
import type { TcpOpener } from '../upstream/tcp-exchange.ts';
import type { UdpOpener } from '../upstream/udp-exchange.ts';
import type { Asker } from './dns-log.ts';

export interface ForwardersOptions {
  /** Whether a server of ours may be a program of this machine. Asked for every batch of questions. */
  readonly expected: () => boolean;
  /** Whether the program behind a question is such a server, or a child of one. Never rejects. */
  readonly isForwarder: (asker: Asker) => Promise<boolean>;
  /** Whether an address is our own DNS server's. */
  readonly isOurs: (address: string) => boolean;
  /** Whether servers are being asked about a normalised name, or were lately. */
  readonly isAsked: (name: string) => boolean;
  readonly opener: UdpOpener & TcpOpener;
  readonly clock: Clock;
}

/** Questions of such programs under way at once; more are lost, as on a busy network. */
const mostUnderWay = 256;
/** A resolver gives up, or asks again, before this. Milliseconds. */
const patienceMs = 5_000;

export class Forwarders {
  readonly #options: ForwardersOptions;
  #underWay = 0;

  constructor(options: ForwardersOptions) {
    this.#options = options;
  }

  get expected(): boolean {
    return this.#options.expected();
  }

  /**
   * Whether a question to this address has to be checked for being one of theirs. To find that out is dear, and of what is asked
   * of us only names matter that we are asking about: applications are answered at once.
   */
  mayBeTheirs(destination: string, name: string | undefined): boolean {
    const { isOurs, isAsked } = this.#options;
    return !isOurs(destination) || (name !== undefined && isAsked(name));
  }

  /** What a question of one is to us: `relayed` to its server, or a `loop` when it asks ourselves; undefined for all others. */
  async standing(asker: Asker): Promise<'relayed' | 'loop' | undefined> {
    if (!(await this.#options.isForwarder(asker))) return undefined;
    return this.#options.isOurs(asker.destination.host) ? 'loop' : 'relayed';
  }

  /** Asks the server that was meant, by UDP or TCP as it was asked. Rejects with DNS_IO or DNS_TIMEOUT. */
  async relay(message: Uint8Array, asker: Asker, stopped: AbortSignal): Promise<Uint8Array> {
    if (this.#underWay >= mostUnderWay) throw new AppError('DNS_IO', 'too many questions of a local resolver');
    const life = new Lifetime(stopped).endAfter(this.#options.clock, patienceMs, () => {
      return new AppError('DNS_TIMEOUT', labelOf(asker));
    });
    this.#underWay += 1;
    try {
      return await (asker.network === 'udp'
        ? this.#byUdp(message, asker, life.signal)
        : this.#byTcp(message, asker, life.signal));
    } catch (error) {
      throw AppError.from(error, 'DNS_IO', labelOf(asker));
    } finally {
      this.#underWay -= 1;
      life.release();
    }
  }

  async #byUdp(message: Uint8Array, { destination }: Asker, signal: AbortSignal): Promise<Uint8Array> {
    const socket = this.#options.opener.openUdp(destination.host, destination.port);
    const answer = Promise.withResolvers<Uint8Array>();
    socket.on('error', answer.reject);
    socket.on('message', (bytes, { address, port }) => {
      const isAnswer = address === destination.host && port === destination.port;
      if (isAnswer && bytes.subarray(0, 2).equals(message.subarray(0, 2))) answer.resolve(bytes);
    });
    const onAbort = (): void => answer.reject(AppError.from(signal.reason, 'DNS_IO'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      socket.send(message, destination.port, destination.host, (error) => {
        if (error !== null) answer.reject(error);
      });
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      socket.close();
    }
  }

  async #byTcp(message: Uint8Array, { destination }: Asker, signal: AbortSignal): Promise<Uint8Array> {
    const { host, port } = destination;
    const socket = await this.#options.opener.connectTcp([host], port, { signal, timeoutMs: patienceMs });
    const onAbort = (): void => void socket.destroy(AppError.from(signal.reason, 'DNS_IO'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
      return await readMessage(socket);
    } finally {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
    }
  }
}

/** The first message of a connection, without its length. */
async function readMessage(socket: Duplex): Promise<Uint8Array> {
  const received = new GrowingBytes();
  for await (const chunk of socket) {
    if (!Buffer.isBuffer(chunk)) continue;
    received.push(chunk);
    const { bytes } = received;
    const end = bytes.length < 2 ? Number.POSITIVE_INFINITY : 2 + bytes.readUInt16BE(0);
    if (bytes.length >= end) return bytes.subarray(2, end);
  }
  throw new AppError('DNS_IO', 'the connection ended before the answer');
}

function labelOf({ network, destination }: Asker): string {
  return `${network}://${formatEndpoint(destination)}`;
}
