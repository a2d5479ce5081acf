/** A real server on a real Unix socket, over doubles derived from the contract. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../core/base/clock.ts';
import { Emitter } from '../../../core/base/emitter.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { protocolVersion } from '../../../core/contract/rpc.ts';
import type { Snapshot, Traffic } from '../../../core/contract/status.ts';
import { defaultServerLimits, type ServerLimits } from '../../../core/rpc/client-limits.ts';
import { encodeMessage, MessageDecoder } from '../../../core/rpc/message-stream.ts';
import { PeerAuth, type PeerCredentials } from '../../../core/rpc/peer-auth.ts';
import { RpcClient } from '../../../core/rpc/rpc-client.ts';
import { RpcServer } from '../../../core/rpc/rpc-server.ts';
import type { Handlers } from '../../../core/rpc/server-connection.ts';
import { MemoryTable } from './memory-table.ts';

export const snapshot: Snapshot = {
  version: '1.2.3',
  tunnel: { kind: 'stopped' },
  owner: null,
  mine: true,
  systemDns: true,
  autoRoute: true,
  dnsMode: { mode: 'fake-ip', chosen: false },
  mixed: null,
  config: { hash: 'h', proxies: 0, rules: 1 },
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
    const note =
      <R>(name: string, result: R) =>
      (params: unknown): R => {
        called.push([name, params]);
        return result;
      };
    const handlers: Handlers = {
      getSnapshot: note('getSnapshot', snapshot),
      setEnhanced: note('setEnhanced', snapshot),
      setSwitches: note('setSwitches', snapshot),
      renewLease: note('renewLease', { ttlMs: 20_000, resumed: false }),
      applyConfig: note('applyConfig', { hash: 'h' }),
      listRules: note('listRules', []),
      closeFlows: note('closeFlows', { closed: 0 }),
      testRule: () => {
        throw new Error('not in this test');
      },
      dnsQuery: note('dnsQuery', { rcode: 'NOERROR', verdict: 'fake', answers: [], ms: 0 }),
      flushDnsCache: note('flushDnsCache', { answers: 0 }),
      flushFakeIp: note('flushFakeIp', { retired: 0 }),
      changeMappings: note('changeMappings', { changed: 0 }),
      restore: note('restore', { undone: [] }),
      ...options.handlers,
    };
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
      clock: systemClock,
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
    const client = new RpcClient({ socketPath: this.socketPath, version: '1.2.3', clock: systemClock });
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
