/**
 * A DNS server whose names come and go, run as a program: `name-server.ts ADDRESS PORT ZONE [DELAY [MINIMUM]]`.
 * ZONE is a file of lines `NAME ADDRESS [TTL]` (any other name does not exist), read anew for every question; a line
 * `NAME -` makes a name that exists without an address. Denials carry a SOA that allows MINIMUM seconds (default 2); answers
 * come after DELAY milliseconds, by UDP and TCP. Every question is printed as `query[TYPE] NAME from ADDRESS`.
 */
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeMessage } from '../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { type DnsMessage, type DnsRecord, responseTo } from '../../core/net/dns-message.ts';

const [address = '127.0.0.1', port = '53', zone = '', delay = '0', minimum = '2'] = process.argv.slice(2);

/** Address and TTL of a name; undefined when there is no such name. */
function find(name: string): { address: string; ttl: number } | undefined {
  for (const line of fs.readFileSync(zone, 'utf8').split('\n')) {
    const [owner, target = '-', ttl = '60'] = line.trim().split(/\s+/);
    if (owner !== '' && owner === name.toLowerCase()) return { address: target, ttl: Number(ttl) };
  }
  return undefined;
}

function respond(query: DnsMessage): DnsMessage {
  const [question] = query.questions;
  const name = question?.name ?? '.';
  const known = find(name);
  const answers: DnsRecord[] =
    known !== undefined && known.address !== '-' && question?.type === 'A'
      ? [{ name, type: 'A', ttl: known.ttl, data: known.address }]
      : [];
  const soa = {
    mname: 'ns.example',
    rname: 'root.example',
    serial: 1,
    refresh: 60,
    retry: 60,
    expire: 60,
    minimum: Number(minimum),
  };
  return {
    ...responseTo(query, known === undefined ? 'NXDOMAIN' : 'NOERROR'),
    answers,
    // The zones are the root and `example`.
    authorities:
      answers.length > 0
        ? []
        : [
            {
              name: name.includes('.') && name !== '.' ? 'example' : '.',
              type: 'SOA',
              ttl: Number(minimum),
              data: soa,
            },
          ],
  };
}

async function answer(bytes: Uint8Array, from: string, maxBytes?: number): Promise<Uint8Array | undefined> {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return undefined;
  const [question] = decoded.message.questions;
  process.stdout.write(`query[${question?.type}] ${question?.name} from ${from}\n`);
  await sleep(Number(delay));
  return encodeMessage(respond(decoded.message), maxBytes);
}

async function answerTcp(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  const response = await answer(bytes, socket.remoteAddress ?? '');
  if (response === undefined || socket.destroyed) return;
  socket.write(Buffer.concat([Buffer.from([response.length >> 8, response.length & 255]), response]));
}

const udp = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
udp.on('message', (bytes, from) => {
  void answer(bytes, from.address, 1_232).then((response) => response && udp.send(response, from.port, from.address));
});
const tcp = net.createServer((socket) => {
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      void answerTcp(socket, rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
});
await Promise.all([
  new Promise<void>((resolve) => void udp.bind(Number(port), address, resolve)),
  new Promise<void>((resolve) => void tcp.listen(Number(port), address, resolve)),
]);
process.stdout.write('ready\n');
