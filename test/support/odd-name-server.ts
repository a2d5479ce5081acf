/**
 * A DNS server for `wire.example`, run as a program: `odd-name-server.ts ADDRESS PORT`. It answers at PORT by UDP and TCP; at
 * PORT + 1 by TCP one question a connection; at PORT + 2 it refuses everything. The first label says what is answered:
 * `many-N` N addresses, `text-N` N bytes of text, `sshfp` a fingerprint of an unassigned kind, `alias` an alias in letters of its
 * own, `turn` another address each time, `flags` the bits DO and CD of the question as text.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { decodeMessage } from '../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { type DnsMessage, type DnsRecord, responseTo } from '../../core/net/dns-message.ts';

const [address = '127.0.0.1', port = '53'] = process.argv.slice(2);
let turns = 0;

function respond(query: DnsMessage): DnsMessage {
  const [question] = query.questions;
  const name = question?.name ?? '.';
  const [label = '', count = '1'] = (name.toLowerCase().split('.')[0] ?? '').split('-');
  const number = Number(count);
  const record = (type: string, data: unknown, owner = name): DnsRecord => ({ name: owner, type, ttl: 3, data });
  const response = responseTo(query, 'NOERROR');
  const answers = (...records: DnsRecord[]): DnsMessage => ({ ...response, answers: records });
  if (question?.type === 'TXT' && label === 'text') return answers(record('TXT', text('t'.repeat(number))));
  if (question?.type === 'TXT' && label === 'flags')
    return answers(record('TXT', text(`do=${query.edns?.dnssecOk} cd=${query.checkingDisabled}`)));
  if (question?.type === 'SSHFP') return answers(record('SSHFP', Uint8Array.of(4, 9, 1, 2, 3)));
  if (question?.type !== 'A') return response;
  switch (label) {
    case 'many':
      return answers(...Array.from({ length: number }, (_, i) => record('A', `203.0.${(i >> 8) + 113}.${i & 255}`)));
    case 'alias':
      return answers(record('CNAME', 'Target.OTHER.example'), record('A', '203.0.113.9', 'Target.OTHER.example'));
    case 'turn':
      turns += 1;
      return answers(record('A', `203.0.113.${turns}`));
    default:
      return answers(record('A', '203.0.113.80'));
  }
}

function text(value: string): Uint8Array {
  const parts = value.match(/.{1,255}/g) ?? [''];
  return Buffer.concat(parts.map((part) => Buffer.from(`${String.fromCodePoint(part.length)}${part}`, 'latin1')));
}

function answer(bytes: Uint8Array, maxBytes?: number): Uint8Array {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  const { edns } = decoded.message;
  return encodeMessage(respond(decoded.message), maxBytes === undefined ? undefined : (edns?.udpSize ?? maxBytes));
}

function serve(socket: net.Socket, mayStay: boolean): void {
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE() && !socket.writableEnded) {
      const end = 2 + rest.readUInt16BE();
      const response = answer(rest.subarray(2, end));
      socket.write(Buffer.concat([Buffer.from([response.length >> 8, response.length & 255]), response]));
      if (!mayStay) socket.end();
      rest = rest.subarray(end);
    }
  });
}

const listen = (server: net.Server, offset: number): Promise<void> =>
  new Promise((resolve) => void server.listen(Number(port) + offset, address, resolve));
const bind = (offset: number, respondTo: (bytes: Uint8Array) => Uint8Array): Promise<void> => {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (bytes, from) => socket.send(respondTo(bytes), from.port, from.address));
  return new Promise((resolve) => void socket.bind(Number(port) + offset, address, resolve));
};
await Promise.all([
  bind(0, (bytes) => answer(bytes, 512)),
  listen(
    net.createServer((socket) => serve(socket, true)),
    0,
  ),
  listen(
    net.createServer((socket) => serve(socket, false)),
    1,
  ),
  bind(2, (bytes) => {
    const decoded = decodeMessage(bytes);
    return encodeMessage(responseTo(decoded.ok ? decoded.message : respond({} as never), 'REFUSED'));
  }),
]);
process.stdout.write('ready\n');
