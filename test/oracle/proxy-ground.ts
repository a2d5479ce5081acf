/** What stands behind the programs that are compared: a SOCKS5 server that grants everything and carries nothing, and a name server. */
import dgram from 'node:dgram';
import { createServer, type Server } from 'node:net';
import dnsPacket from 'dns-packet';
import { encodeSocks5Method, encodeSocks5Reply, socks5Replies } from '../../core/net/socks5.ts';

/** Addresses of a name; none: it is not known. */
export type AddressesOf = (name: string) => readonly string[];

/** One of some, always the same for a name. */
export function chosenFor(name: string, all: readonly string[], seed: number): string {
  let sum = seed;
  for (let i = 0; i < name.length; i++) sum = (sum * 31 + name.charCodeAt(i)) % 1_000_003;
  return all[sum % all.length] ?? '';
}

export class ProxyGround {
  readonly #server: Server;
  readonly #relay = dgram.createSocket('udp4');
  readonly #names = dgram.createSocket('udp4');
  #stopped = false;
  #relayPort = 0;

  constructor(addressesOf: AddressesOf) {
    this.#server = createServer((socket) => {
      let isGreeted = false;
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        if (!isGreeted) {
          isGreeted = true;
          socket.write(encodeSocks5Method(0));
          return;
        }
        const at = { host: '127.0.0.1', port: this.#relayPort };
        const isUdp = bytes[1] === 3;
        socket.write(encodeSocks5Reply(socks5Replies.succeeded, at));
        if (!isUdp) socket.end();
      });
    });
    this.#names.on('message', (bytes, from) => {
      const question = dnsPacket.decode(bytes);
      const [first] = question.questions ?? [];
      const found = first === undefined ? [] : addressesOf(first.name.toLowerCase());
      const answers = found.flatMap((address) => {
        const type = address.includes(':') ? 'AAAA' : 'A';
        return first?.type === type ? [{ name: first.name, type, ttl: 60, data: address } as const] : [];
      });
      const flags = dnsPacket.RECURSION_AVAILABLE | (found.length === 0 ? 3 : 0);
      const answer = dnsPacket.encode({
        type: 'response',
        id: question.id ?? 0,
        flags,
        questions: question.questions ?? [],
        answers,
      });
      if (!this.#stopped) this.#names.send(answer, from.port, from.address);
    });
  }

  async start(): Promise<{ proxy: number; names: number }> {
    await Promise.all([
      new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve)),
      new Promise<void>((resolve) => this.#relay.bind(0, '127.0.0.1', resolve)),
      new Promise<void>((resolve) => this.#names.bind(0, '127.0.0.1', resolve)),
    ]);
    this.#relayPort = this.#relay.address().port;
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { proxy: address.port, names: this.#names.address().port };
  }

  stop(): void {
    this.#stopped = true;
    this.#server.close();
    this.#relay.close();
    this.#names.close();
  }
}
