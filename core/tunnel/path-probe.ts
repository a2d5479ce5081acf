/** Packets of our own that show where a firewall of this machine leads others: to our DNS server as a program asks it, and to servers. */
import { randomBytes, randomInt } from 'node:crypto';
import { Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Lifetime } from '../base/deadline.ts';
import type { Endpoint } from '../contract/flow.ts';
import { askOverTcp, type TcpOpener } from '../dns/upstream/tcp-exchange.ts';
import type { UdpOpener } from '../dns/upstream/udp-exchange.ts';
import { encodeQuestion, readAnswer } from '../dns/upstream/upstream-answer.ts';
import type { Network } from '../flow/metadata.ts';
import type { NativeAddon } from '../system/native.ts';
import type { Arrival, PathProbe } from './path-check.ts';

export interface SocketProbeOptions {
  /** Sockets like those of programs, not marked. */
  readonly asProgram: UdpOpener & TcpOpener;
  /** Ours, not bound to a device: a packet of those that are is lost where a firewall leads it to another one. */
  readonly asOurselves: UdpOpener;
  readonly natTarget: NativeAddon['natTarget'];
  /** Whether there is anything that may lead packets elsewhere. */
  readonly hasOutputNat: () => Promise<boolean>;
  readonly clock: Clock;
}

/** Names that nobody else answers (RFC 6761), each asked once. */
const suffix = '.mirage-check.invalid';
/** Within the machine; a busy one takes its time. Milliseconds. */
const patienceMs = 3_000;
const tries = 2;

export class SocketProbe implements PathProbe {
  readonly #options: SocketProbeOptions;
  readonly #asked = new Set<string>();

  constructor(options: SocketProbeOptions) {
    this.#options = options;
  }

  isOurs(name: string): boolean {
    return this.#asked.has(name);
  }

  async greet(server: Endpoint, network: Network): Promise<Arrival> {
    const name = `${randomBytes(8).toString('hex')}${suffix}`;
    this.#asked.add(name);
    let arrival: Arrival = 'lost';
    try {
      for (let i = 0; i < tries && arrival === 'lost'; i++) {
        arrival = await (network === 'udp' ? this.#byUdp(name, server) : this.#byTcp(name, server));
      }
      return arrival;
    } finally {
      this.#asked.delete(name);
    }
  }

  /** An empty datagram shows it. Nothing is sent where nothing leads anything elsewhere. */
  async trace(server: Endpoint): Promise<Endpoint | undefined> {
    if (!(await this.#options.hasOutputNat())) return undefined;
    const socket = this.#options.asOurselves.openUdp(server.host, server.port);
    try {
      await sendTo(socket, server, new Uint8Array());
      return this.#targetOf('udp', socket.address(), server);
    } catch {
      // Where nothing can be sent nobody leads it anywhere.
      return undefined;
    } finally {
      socket.close();
    }
  }

  async #byUdp(name: string, server: Endpoint): Promise<Arrival> {
    const question = { name, type: 'A' };
    const id = randomInt(0, 65_536);
    const socket = this.#options.asProgram.openUdp(server.host, server.port);
    const heard = Promise.withResolvers<Arrival>();
    const cancel = this.#options.clock.after(patienceMs, () => heard.resolve('lost'));
    socket.on('message', (bytes) => {
      const answer = readAnswer(bytes, question, id, 'datagram');
      if (answer.kind === 'answer') heard.resolve(answer.message.rcode === 'NOERROR' ? 'here' : 'elsewhere');
    });
    socket.on('error', () => heard.resolve('lost'));
    try {
      await sendTo(socket, server, encodeQuestion(question, id, {}, name));
      if (this.#targetOf('udp', socket.address(), server) !== undefined) return 'elsewhere';
      return await heard.promise;
    } catch {
      return 'lost';
    } finally {
      cancel();
      socket.close();
    }
  }

  async #byTcp(name: string, { host, port }: Endpoint): Promise<Arrival> {
    const { asProgram, clock } = this.#options;
    const life = new Lifetime(new AbortController().signal).endAfter(clock, patienceMs, () => {
      return new AppError('DNS_TIMEOUT', 'our DNS server is not reached');
    });
    let target: Endpoint | undefined;
    const opener = {
      connectTcp: async (...to: Parameters<TcpOpener['connectTcp']>) => {
        const socket = await asProgram.connectTcp(...to);
        if (socket instanceof Socket) {
          const { localAddress = '', localPort = 0 } = socket;
          target = this.#targetOf('tcp', { address: localAddress, port: localPort }, { host, port });
        }
        return socket;
      },
    };
    try {
      const question = { name, type: 'A' };
      const { rcode } = await askOverTcp(
        opener,
        question,
        { address: host, port, timeoutMs: patienceMs, clock },
        life.signal,
      );
      return target === undefined && rcode === 'NOERROR' ? 'here' : 'elsewhere';
    } catch {
      return target === undefined ? 'lost' : 'elsewhere';
    } finally {
      life.release();
    }
  }

  #targetOf(
    network: Network,
    { address, port }: { readonly address: string; readonly port: number },
    to: Endpoint,
  ): Endpoint | undefined {
    try {
      const remote = { address: to.host, port: to.port };
      const target = this.#options.natTarget(network, { address, port }, remote);
      return target === null ? undefined : { host: target.address, port: target.port };
    } catch {
      return undefined;
    }
  }
}

/** Connects and sends; rejects where either cannot be done, as when a firewall forbids it. */
async function sendTo(socket: ReturnType<UdpOpener['openUdp']>, { host, port }: Endpoint, bytes: Uint8Array) {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, host, (failed?: Error) => {
      if (failed !== undefined && failed !== null) reject(failed);
      else socket.send(bytes, (error) => (error === null ? resolve() : reject(error)));
    });
  });
}
