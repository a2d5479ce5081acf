/** A real server on a real Unix socket, over doubles derived from the contract. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Emitter } from '../../../core/base/emitter.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { type MethodName, protocolVersion, type Result } from '../../../core/contract/rpc.ts';
import type { Snapshot, Traffic } from '../../../core/contract/status.ts';
import { defaultServerLimits, type ServerLimits } from '../../../core/rpc/client-limits.ts';
import { encodeMessage, MessageDecoder } from '../../../core/rpc/message-stream.ts';
import type { Handlers } from '../../../core/rpc/outstanding-requests.ts';
import { PeerAuth, type PeerCredentials } from '../../../core/rpc/peer-auth.ts';
import { RpcClient } from '../../../core/rpc/rpc-client.ts';
import { RpcServer } from '../../../core/rpc/rpc-server.ts';
import { fairClock } from '../../support/fair-clock.ts';
import { handlersOf, sampleResult } from '../../support/sample-result.ts';
import { MemoryTable } from './memory-table.ts';

export const snapshot: Snapshot = {
  version: '1.2.3',
  tunnel: { kind: 'stopped' },
  owner: null,
  mine: true,
  systemDns: true,
  autoRoute: true,
  dnsMode: { mode: 'fake-ip', chosen: false },
  mode: { mode: 'rule', chosen: false },
  mixed: null,
  config: { hash: 'h', proxies: 0, groups: 0, rules: 1, strictRoute: false },
  fakeIp: { range: '198.18.0.0/15', range6: null, used: 0, capacity: 10, unknown: 0, recovered: 0 },
  warnings: [],
  changes: [],
};
const traffic: Traffic = { time: 1, up: 0, down: 0, upTotal: 0, downTotal: 0, live: 0, dnsQuestions: 0 };

export class Served implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'mirage-rpc-'));
  readonly socketPath = join(this.directory, 'helper.sock');
  readonly tables = {
    connections: new MemoryTable('connections'),
    mappings: new MemoryTable('mappings'),
    dnsLog: new MemoryTable('dnsLog'),
    logs: new MemoryTable('logs'),
    proxies: new MemoryTable('proxies'),
  };
  readonly snapshotChanged = new Emitter<void>();
  readonly trafficChanged = new Emitter<void>();
  /** Who the kernel says is connecting. */
  peer: PeerCredentials = { pid: 1, uid: 1000, gid: 1000 };
  /** Every handler that was called, with its parameters. */
  readonly called: [string, unknown][] = [];
  tunnel: Snapshot['tunnel'] = { kind: 'stopped' };
  /** Who may send large messages. */
  admit: (method: string, caller: PeerCredentials) => void = () => undefined;
  readonly #closing: (() => unknown)[] = [];
  server: RpcServer;

  constructor(options: { handlers?: Partial<Handlers>; limits?: Partial<ServerLimits> } = {}) {
    const called = this.called;
    const answers: { [M in MethodName]?: Result<M> } = {
      getSnapshot: snapshot,
      setEnhanced: snapshot,
      setSwitches: snapshot,
      renewLease: { ttlMs: 20_000, resumed: false },
      applyConfig: { hash: 'h' },
    };
    const noted = handlersOf((method) => (params) => {
      called.push([method, params]);
      return answers[method] ?? sampleResult(method);
    });
    const handlers: Handlers = { ...noted, ...options.handlers };
    this.server = new RpcServer({
      socketPath: this.socketPath,
      auth: new PeerAuth(() => this.peer, [1000, 1002]),
      handlers,
      topics: this.tables,
      events: {
        snapshot: {
          current: (caller) => ({ ...snapshot, tunnel: this.tunnel, mine: caller.uid === 1000 }),
          watch: (changed) => this.snapshotChanged.on(changed),
        },
        traffic: { current: () => traffic, watch: (changed) => this.trafficChanged.on(changed) },
      },
      view: { view: (_topic, row) => row, seesNothing: () => false },
      admit: (method, caller) => this.admit(method, caller),
      version: '1.2.3',
      clock: fairClock,
      log: silentLogger,
      limits: { ...defaultServerLimits, ...options.limits },
      checkResults: true,
    });
  }

  static async start(options: { handlers?: Partial<Handlers>; limits?: Partial<ServerLimits> } = {}): Promise<Served> {
    const served = new Served(options);
    await served.server.start();
    return served;
  }

  client(): RpcClient {
    const client = new RpcClient({ socketPath: this.socketPath, version: '1.2.3', clock: fairClock });
    this.#closing.push(() => client.close());
    return client;
  }

  async connected(): Promise<RpcClient> {
    const client = this.client();
    await client.connectOnce();
    return client;
  }

  /** A connection that may say anything. */
  raw(): RawClient {
    const raw = new RawClient(createConnection(this.socketPath));
    this.#closing.push(() => raw.socket.destroy());
    return raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing) await close();
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

type Received = { kind: string; [key: string]: unknown };

export class RawClient {
  readonly socket: Socket;
  readonly received: Received[] = [];
  readonly #arrived = new Emitter<void>();
  ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new MessageDecoder();
    socket.on('data', (chunk) => {
      for (const message of decoder.push(chunk)) this.received.push(message as Received);
      this.#arrived.emit();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.ended = true;
      this.#arrived.emit();
    });
  }

  greet(): void {
    this.send({ kind: 'hello', protocol: protocolVersion, version: 'test' });
  }

  send(message: object): void {
    for (const frame of encodeMessage(message)) this.socket.write(frame);
  }

  /** The first message that has come, or comes, and fits. */
  async next(fits: (message: Received) => boolean): Promise<Received> {
    for (;;) {
      const found = this.received.find(fits);
      if (found !== undefined) return found;
      if (this.ended) throw new Error(`the connection ended after ${JSON.stringify(this.received)}`);
      await this.#wait();
    }
  }

  async end(): Promise<Received[]> {
    while (!this.ended) await this.#wait();
    return this.received;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#arrived.on(() => {
        cancel();
        resolve();
      });
    });
  }
}
