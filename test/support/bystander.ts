/**
 * A program of somebody who only wants to work: `bystander.ts SECONDS UDP-PORT TCP-PORT`, the ports of `plain-echo.ts`. Asks a
 * question every 20 ms, known names and new ones in turn, and connects every 60 ms; does the same with the plain echo at the
 * same moments, where Mirage has no part. Prints when it did so and how long that took, as JSON.
 */
import dgram from 'node:dgram';
import dns from 'node:dns/promises';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { queryFor } from '../../core/net/dns-message.ts';

/** When it began (Unix time) and how long it took; without an answer, `patience`. Milliseconds. */
export type Attempt = readonly [at: number, took: number];

export interface Experience {
  readonly questions: readonly Attempt[];
  readonly connections: readonly Attempt[];
  /** Datagrams and connections to the plain echo, to the first byte that comes back. */
  readonly echoes: readonly Attempt[];
  readonly plainConnections: readonly Attempt[];
  /** Of the questions. */
  readonly unanswered: number;
  /** Of the connections through Mirage. */
  readonly failed: number;
  /** Why connections failed. */
  readonly reasons: readonly string[];
}

const [seconds = 1, echoPort = 0, plainPort = 0] = process.argv.slice(2).map(Number);
/** Without an answer for so long there is none. Milliseconds. */
const patience = 8_000;
const serial = process.pid.toString(36);

/** Datagrams to one place and what came back, told apart by their first two bytes. */
class Exchange {
  readonly done: Attempt[] = [];
  readonly #sent = new Map<number, [at: number, begun: number]>();
  readonly #socket = dgram.createSocket('udp4');
  readonly #to: { readonly port: number; readonly host: string };

  constructor(port: number, host: string) {
    this.#to = { port, host };
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (bytes) => {
      const id = bytes.readUInt16BE(0);
      const one = this.#sent.get(id);
      this.#sent.delete(id);
      if (one !== undefined) this.done.push([one[0], performance.now() - one[1]]);
    });
  }

  get missing(): number {
    return this.#sent.size;
  }

  send(id: number, datagram: Uint8Array): void {
    this.#sent.set(id, [Date.now(), performance.now()]);
    this.#socket.send(datagram, this.#to.port, this.#to.host, () => undefined);
  }

  /** What has no answer by now has none. */
  giveUp(): void {
    for (const [at] of this.#sent.values()) this.done.push([at, patience]);
  }
}

const questions = new Exchange(53, '10.20.0.1');
const echoes = new Exchange(echoPort, '127.0.0.1');
const connections: Attempt[] = [];
const plainConnections: Attempt[] = [];
const reasons = new Set<string>();
let asked = 0;
let connecting = 0;
let failed = 0;

function ask(): void {
  const id = asked++ & 0xffff;
  const name = asked % 2 === 0 ? 'direct.example' : `n${asked}-${serial}.example`;
  const datagram = encodeMessage(queryFor(id, name, 'A', undefined));
  questions.send(id, datagram);
  echoes.send(id, datagram);
}

/** Through Mirage the connection counts as soon as it is made, for that takes the helper's word; else the kernel's would do. */
function connect(
  to: { host: string; port: number },
  until: 'connect' | 'data',
  done: Attempt[],
  onFailed: (why: string) => void,
): void {
  connecting += 1;
  const at = Date.now();
  const begun = performance.now();
  const attempt = net.connect(to);
  attempt.setTimeout(patience, () => attempt.destroy(new Error('no answer')));
  attempt.on('error', (error) => {
    onFailed(error.message);
    done.push([at, patience]);
  });
  if (until === 'data') attempt.on('connect', () => attempt.write('?'));
  attempt.once(until, () => {
    done.push([at, performance.now() - begun]);
    attempt.destroy();
  });
  attempt.on('close', () => (connecting -= 1));
}

const { address } = await dns.lookup('direct.example', 4);
const end = performance.now() + seconds * 1_000;
for (let tick = 0; performance.now() < end; tick++) {
  ask();
  if (tick % 3 === 0) {
    connect({ host: address, port: 80 }, 'connect', connections, (why) => {
      reasons.add(why);
      failed += 1;
    });
    connect({ host: '127.0.0.1', port: plainPort }, 'data', plainConnections, () => undefined);
  }
  await sleep(20);
}
while (questions.missing + connecting > 0 && performance.now() < end + patience) await sleep(20);
const unanswered = questions.missing;
questions.giveUp();
echoes.giveUp();
const experience: Experience = {
  questions: questions.done,
  connections,
  echoes: echoes.done,
  plainConnections,
  unanswered,
  failed,
  reasons: [...reasons],
};
process.stdout.write(`${JSON.stringify(experience)}\n`, () => process.exit());
