/**
 * A program of somebody who only wants to work: `bystander.ts SECONDS`. Asks a question every 20 ms, known names and new
 * ones in turn, and connects every 50 ms; prints how long that took and what was lost, as JSON.
 */
import dgram from 'node:dgram';
import dns from 'node:dns/promises';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { queryFor } from '../../core/net/dns-message.ts';

export interface Experience {
  readonly questions: number;
  readonly unanswered: number;
  readonly dnsP50: number;
  readonly dnsP99: number;
  readonly connections: number;
  readonly failed: number;
  readonly reasons: readonly string[];
  readonly connectP50: number;
  readonly connectP99: number;
}

const seconds = Number(process.argv[2]);
/** Without an answer for so long there is none. Milliseconds. */
const patience = 8_000;
const serial = process.pid.toString(36);

const socket = dgram.createSocket('udp4');
const sent = new Map<number, number>();
const answered: number[] = [];
const connected: number[] = [];
/** Why connections failed. */
const reasons = new Set<string>();
let questions = 0;
let connections = 0;

socket.on('error', () => undefined);
socket.on('message', (bytes) => {
  const id = bytes.readUInt16BE(0);
  const at = sent.get(id);
  sent.delete(id);
  if (at !== undefined) answered.push(performance.now() - at);
});

function ask(): void {
  const id = questions++ & 0xffff;
  const name = questions % 2 === 0 ? 'direct.example' : `n${questions}-${serial}.example`;
  sent.set(id, performance.now());
  socket.send(encodeMessage(queryFor(id, name, 'A', undefined)), 53, '10.20.0.1', () => undefined);
}

function connect(host: string): void {
  connections += 1;
  const begun = performance.now();
  const attempt = net.connect({ host, port: 80 });
  attempt.setTimeout(patience, () => attempt.destroy(new Error('no answer')));
  attempt.on('error', (error) => reasons.add(error.message));
  attempt.on('connect', () => {
    connected.push(performance.now() - begun);
    attempt.destroy();
  });
}

const percentile = (values: number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? patience;

const { address } = await dns.lookup('direct.example', 4);
const end = performance.now() + seconds * 1_000;
for (let tick = 0; performance.now() < end; tick++) {
  ask();
  if (tick % 3 === 0) connect(address);
  await sleep(20);
}
await sleep(patience);
const experience: Experience = {
  questions,
  unanswered: questions - answered.length,
  dnsP50: percentile(answered, 0.5),
  dnsP99: percentile(answered, 0.99),
  connections,
  failed: connections - connected.length,
  reasons: [...reasons],
  connectP50: percentile(connected, 0.5),
  connectP99: percentile(connected, 0.99),
};
process.stdout.write(`${JSON.stringify(experience)}\n`, () => process.exit());
