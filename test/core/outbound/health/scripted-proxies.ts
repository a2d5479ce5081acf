/** SOCKS5 servers on loopback whose delays and deaths are scripted, and the address that nodes are tested by behind them. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { ProxyConfig } from '../../../../core/contract/proxy-config.ts';
import { type Socks5Asked, serveSocks5 } from '../socks5-server.ts';

export class ScriptedProxy {
  readonly name: string;
  /** Milliseconds before anything is answered. */
  delay: number;
  /** Accepts, and says nothing. */
  isSilent = false;
  readonly asked: Socks5Asked[] = [];
  /** Connections under way, and the most that there were. */
  now = 0;
  most = 0;
  readonly #target: number;
  #server: net.Server | undefined;
  #port = 0;
  readonly #sockets = new Set<net.Socket>();

  constructor(name: string, delay: number, target: number) {
    this.name = name;
    this.delay = delay;
    this.#target = target;
  }

  get config(): ProxyConfig {
    return { type: 'socks5', name: this.name, server: '127.0.0.1', port: this.#port, udp: true };
  }

  /** Listens, at the same port as before. */
  async live(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Ends every connection; the next is refused. */
  async die(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(socket: net.Socket): Promise<void> {
    this.#sockets.add(socket);
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.now -= 1;
    });
    if (this.isSilent) return;
    await new Promise((resolve) => setTimeout(resolve, this.delay));
    await serveSocks5(socket, { forwardTo: this.#target }, this.asked).catch(() => socket.destroy());
  }
}

/** Answers HEAD with this status; tells what was asked. */
export async function testAddress(status = 204): Promise<{ port: number; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.headers.host}${request.url}`);
    response.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port, asked, close };
}
