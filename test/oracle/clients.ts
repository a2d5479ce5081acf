/** Programs that connect through a mixed port in each of its protocols. Each says which port of its own it used. */
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { SocksClient } from 'socks';
import { formatEndpoint } from '../../core/base/address.ts';
import type { Endpoint } from '../../core/contract/flow.ts';
import type { Door } from '../../core/flow/metadata.ts';
import { encodeSocksDatagram } from '../../core/net/socks5-udp.ts';

export interface Client {
  readonly port: number;
  close(): void;
}

/** Connects to `to` by `type`; resolves once the request was sent. */
export async function tcpClient(proxy: number, type: Door['type'], to: Endpoint): Promise<Client> {
  const socket = connect(proxy, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const port = socket.localPort ?? 0;
  const authority = formatEndpoint(to);
  switch (type) {
    case 'HTTP':
      socket.write(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
      break;
    case 'HTTPS':
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
      break;
    case 'SOCKS4':
    case 'SOCKS5':
      void SocksClient.createConnection({
        command: 'connect',
        existing_socket: socket,
        proxy: { host: '127.0.0.1', port: proxy, type: type === 'SOCKS4' ? 4 : 5 },
        destination: to,
      }).catch(() => undefined);
  }
  return { port, close: () => socket.destroy() };
}

/** A copy of curl that asks by SOCKS5. */
export async function programClient(proxy: number, program: string, { host, port }: Endpoint): Promise<Client> {
  const own = await freePort();
  const child = spawn(
    program,
    [
      '-s',
      '-m',
      '60',
      '-o',
      '/dev/null',
      '--local-port',
      String(own),
      '-x',
      `socks5h://127.0.0.1:${proxy}`,
      `http://${host}:${port}/`,
    ],
    { stdio: 'ignore' },
  );
  child.on('error', () => undefined);
  return { port: own, close: () => child.kill() };
}

/** A port of ours that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

/** Sends a datagram to `to` by a SOCKS5 association (RFC 1928). */
export async function udpClient(proxy: number, to: Endpoint): Promise<Client> {
  const socket = connect(proxy, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(Uint8Array.of(5, 1, 0));
  await once(socket, 'data');
  socket.write(Uint8Array.of(5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
  const [reply] = (await once(socket, 'data')) as [Buffer];
  const datagrams = dgram.createSocket('udp4');
  datagrams.bind(0, '127.0.0.1');
  await once(datagrams, 'listening');
  datagrams.send(encodeSocksDatagram({ peer: to, data: Buffer.from('x') }), reply.readUInt16BE(8), '127.0.0.1');
  return {
    port: datagrams.address().port,
    close: () => {
      datagrams.close();
      socket.destroy();
    },
  };
}
