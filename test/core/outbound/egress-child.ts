/** Run by `egress.spec.ts` in a process of its own, which got connected sockets as descriptors 3 (TCP) and 4 (UDP). */
import { Egress } from '../../../core/outbound/egress.ts';
import { noSockets } from '../../support/no-sockets.ts';

const opener = noSockets({
  openStream: () => Promise.resolve({ ok: true, fd: 3, address: '127.0.0.1', local: '127.0.0.1' } as const),
  openUdp: () => 4,
});
const egress = new Egress(opener, { deviceFor: () => null }, 0);
const [udpPort, echoPort] = process.argv.slice(2).map(Number);

const socket = await egress.connectTcp(['127.0.0.1'], 80, { timeoutMs: 1000, signal: new AbortController().signal });
process.stdout.write(`tcp ${socket.remoteAddress}`);
for await (const chunk of socket.iterator({ destroyOnReturn: false })) process.stdout.write(` ${String(chunk)}\n`);
socket.end('answer after the FIN');

const udp = egress.openUdp('127.0.0.1', 53);
// Errors that come while nobody listens must not end the process.
for (const adopted of [socket, udp]) adopted.emit('error', new Error('a reset'));
udp.on('message', (message) => {
  process.stdout.write(`udp ${udp.address().port === udpPort ? 'its port' : 'another port'} ${message.toString()}\n`);
  udp.close();
});
udp.send('ping', echoPort, '127.0.0.1');
