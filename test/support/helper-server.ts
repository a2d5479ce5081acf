/** The real RPC server on a socket in a directory of its own, with a helper behind it that only pretends: no tunnel, no root. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../core/base/app-error.ts';
import { systemClock } from '../../core/base/clock.ts';
import { Emitter } from '../../core/base/emitter.ts';
import { silentLogger } from '../../core/base/logger.ts';
import type { Config } from '../../core/contract/config.ts';
import type { MappingRow } from '../../core/contract/dns.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { Row, TopicName } from '../../core/contract/rpc.ts';
import type { Snapshot } from '../../core/contract/status.ts';
import { PeerAuth } from '../../core/rpc/peer-auth.ts';
import { RpcServer } from '../../core/rpc/rpc-server.ts';
import type { TopicSource } from '../../core/rpc/topic-source.ts';
import { stoppedSnapshot } from './helper-double.ts';
import { handlersOf, sampleResult } from './sample-result.ts';

/** Rows of one table, changed by the test. */
class TableDouble<T extends TopicName> implements TopicSource<T> {
  readonly #rows = new Map<string, Row<T>>();
  readonly #changes = new Emitter<string[]>();

  set(key: string, row: Row<T>): void {
    this.#rows.set(key, row);
    this.#changes.emit([key]);
  }

  rows(): Iterable<Row<T>> {
    return this.#rows.values();
  }

  row(key: string): Row<T> | undefined {
    return this.#rows.get(key);
  }

  watch(changed: (keys: Iterable<string>) => void): () => void {
    return this.#changes.on(changed);
  }
}

export class HelperServer {
  readonly runtimeDir = mkdtempSync(join(tmpdir(), 'mirage-helper-'));
  readonly connections = new TableDouble<'connections'>();
  readonly mappings = new TableDouble<'mappings'>();
  readonly dnsLog = new TableDouble<'dnsLog'>();
  readonly logs = new TableDouble<'logs'>();
  readonly proxies = new TableDouble<'proxies'>();
  /** What was asked, in order; without `getSnapshot` and `renewLease`. */
  readonly asked: [string, unknown][] = [];
  config: Config | undefined;
  /** The next start fails with this. */
  startError: ErrorData | undefined;
  leases = 0;
  #snapshot: Snapshot = stoppedSnapshot;
  #server: RpcServer | undefined;
  readonly #snapshots = new Emitter<void>();

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  set snapshot(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#snapshots.emit();
  }

  async start(): Promise<void> {
    chmodSync(this.runtimeDir, 0o755);
    const uid = process.getuid?.() ?? 0;
    const server = new RpcServer({
      socketPath: join(this.runtimeDir, 'helper.sock'),
      auth: new PeerAuth(() => ({ pid: process.pid, uid, gid: uid }), [uid]),
      handlers: {
        ...handlersOf((method) => () => sampleResult(method)),
        getSnapshot: () => this.#snapshot,
        setEnhanced: ({ on, mode }) => this.#setEnhanced(on, mode ?? 'session', uid),
        setSwitches: ({ systemDns, autoRoute }) => {
          this.asked.push(['setSwitches', { systemDns, autoRoute }]);
          this.snapshot = {
            ...this.#snapshot,
            systemDns: systemDns ?? this.#snapshot.systemDns,
            autoRoute: autoRoute ?? this.#snapshot.autoRoute,
          };
          return this.#snapshot;
        },
        renewLease: () => {
          this.leases += 1;
          return { ttlMs: 20_000, resumed: false };
        },
        applyConfig: ({ config }) => {
          this.asked.push(['applyConfig', {}]);
          this.config = config;
          return { hash: 'c0ffee' };
        },
        listRules: () => [
          {
            index: 0,
            type: 'MATCH',
            payload: '',
            policy: 'DIRECT',
            way: 'direct',
            noResolve: false,
            hits: 3,
            misses: 0,
            off: false,
          },
        ],
        closeFlows: ({ ids = [] }) => ({ closed: ids.length }),
        testRule: ({ host, port, network }) => ({
          host,
          port,
          network,
          steps: [
            { index: 0, type: 'MATCH', payload: '', policy: 'DIRECT', hit: true, why: { code: 'MATCH', values: {} } },
          ],
          rule: { index: 0, type: 'MATCH', payload: '', policy: 'DIRECT' },
          chain: ['DIRECT'],
          way: 'direct',
        }),
        dnsQuery: ({ name, type }) => ({
          rcode: 'NOERROR',
          verdict: 'fake',
          answers: [{ name, type, ttl: 1, data: '198.18.0.3' }],
          ms: 0.2,
        }),
        changeMappings: ({ addresses }) => ({ changed: addresses.length }),
        restore: () => {
          this.asked.push(['restore', {}]);
          this.snapshot = { ...stoppedSnapshot };
          return { undone: [] };
        },
      },
      topics: {
        connections: this.connections,
        mappings: this.mappings,
        dnsLog: this.dnsLog,
        logs: this.logs,
        proxies: this.proxies,
      },
      events: {
        snapshot: { current: () => this.#snapshot, watch: (changed) => this.#snapshots.on(changed) },
        traffic: {
          current: () => ({
            time: Date.now(),
            up: 1_200,
            down: 48_000,
            upTotal: 9e6,
            downTotal: 3e8,
            live: 2,
            dnsQuestions: 41,
          }),
          watch: (changed) => systemClock.every(1_000, changed),
        },
      },
      view: { view: (_, row) => row, seesNothing: () => false },
      admit: () => undefined,
      version: '0.1.0',
      clock: systemClock,
      log: silentLogger,
      checkResults: true,
    });
    await server.start();
    this.#server = server;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.runtimeDir, { recursive: true, force: true });
  }

  #setEnhanced(on: boolean, mode: 'session' | 'persistent', uid: number): Snapshot {
    this.asked.push(['setEnhanced', { on, mode }]);
    const error = this.startError;
    if (on && error !== undefined) {
      this.snapshot = { ...stoppedSnapshot, tunnel: { kind: 'error', error } };
      throw AppError.fromData(error);
    }
    this.snapshot = on
      ? {
          ...stoppedSnapshot,
          tunnel: { kind: 'running', since: Date.now(), device: 'mirage0' },
          owner: { uid, mode },
          changes: [{ id: '1', what: 'nameserver 198.18.0.2', where: '/etc/resolv.conf', since: Date.now() }],
        }
      : stoppedSnapshot;
    return this.#snapshot;
  }
}

export const sampleConnection: ConnectionRow = {
  id: 'f1',
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_100 },
  destination: { host: 'www.hidden.example', port: 443 },
  domainSource: 'fake-ip',
  fakeIp: '198.18.37.7',
  process: { pid: 4711, uid: 1000, name: 'curl', path: '/usr/bin/curl' },
  rule: { index: 0, type: 'DOMAIN-SUFFIX', payload: 'hidden.example', policy: 'dante' },
  chain: ['dante'],
  way: 'proxied',
  remote: '10.20.0.1',
  state: 'open',
  up: 1_824,
  down: 482_113,
  openedAt: Date.now() - 42_000,
};

export const sampleMapping: MappingRow = {
  address: '198.18.37.7',
  name: 'www.hidden.example',
  state: 'live',
  firstSeen: Date.now() - 600_000,
  lastAnswered: Date.now() - 42_000,
  lastConnected: Date.now() - 42_000,
  answers: 4,
  flows: 3,
  liveFlows: 1,
  pinned: false,
  outcome: 'ok',
};
