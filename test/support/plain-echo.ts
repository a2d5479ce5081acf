/**
 * What a program costs others that does nothing: `plain-echo.ts` gives back datagrams and the first bytes of connections at
 * ports of 127.0.0.1 that it prints, with the helper's own priority. What a bystander waits for it under an attack is what
 * the scheduler and the kernel cost everybody, Mirage or not.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { preferThisProcess } from '../../core/system/linux/priority.ts';

preferThisProcess();
const datagrams = dgram.createSocket('udp4');
datagrams.on('error', () => undefined);
datagrams.on('message', (bytes, from) => datagrams.send(bytes, from.port, from.address, () => undefined));
datagrams.bind(0, '127.0.0.1');
await once(datagrams, 'listening');
const connections = net.createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => socket.end(bytes));
});
connections.listen(0, '127.0.0.1');
await once(connections, 'listening');
const port = connections.address() as AddressInfo;
process.stdout.write(`echo at ${datagrams.address().port} and ${port.port}\n`);
