/** The methods of the helper around a tunnel that touches nothing, in a directory of their own: what its tests stand on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { silentLogger } from '../../core/base/logger.ts';
import { type Config, defaultConfig } from '../../core/contract/config.ts';
import type { MethodName, Params, Result } from '../../core/contract/rpc.ts';
import { methods } from '../../core/contract/rpc.ts';
import type { NetworkChange } from '../../core/contract/status.ts';
import { ConfigStore } from '../../core/helper/config-store.ts';
import { Health } from '../../core/helper/health.ts';
import { HelperService } from '../../core/helper/helper-service.ts';
import { OwnerStore } from '../../core/helper/owner-store.ts';
import { Ownership } from '../../core/helper/ownership.ts';
import { RowPrivacy } from '../../core/helper/row-privacy.ts';
import { SetShelf } from '../../core/helper/set-shelf.ts';
import { BlobStore } from '../../core/state/blob-store.ts';
import { MemoryRuleStore } from '../../core/state/memory-rule-store.ts';
import { MemoryStateStore } from '../../core/state/memory-state-store.ts';
import { choosePlatform } from '../../core/system/platform.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryTunnel } from './memory-tunnel.ts';

export const root = 0;
export const code = (expected: string) => expect.objectContaining({ code: expected });
/** A configuration that is known by where its only rule leads. NOWHERE is refused. */
export const named = (policy: string): Config => ({
  ...defaultConfig,
  rules: [{ type: 'MATCH', payload: '', policy, noResolve: false }],
});

export class HelperGround {
  directory = '';
  /** Of the process that runs now: `boot` makes them anew. */
  clock = new ManualClock();
  health = new Health();
  tunnel = new MemoryTunnel(this.clock);
  ownership = new Ownership(this.clock);
  declare owners: OwnerStore;
  declare sets: SetShelf;
  declare service: HelperService;
  /** What the journal still has. */
  leftovers: NetworkChange[] = [];
  otherDevice: string | undefined;
  /** What was asked of the warning about containers. */
  stranded: string[] = [];
  choices = new MemoryStateStore();
  ruleNotes = new MemoryRuleStore();

  begin(): void {
    this.makeDirectory();
    this.leftovers = [];
    this.choices = new MemoryStateStore();
    this.ruleNotes = new MemoryRuleStore();
    this.otherDevice = undefined;
    this.stranded = [];
    this.boot();
  }

  makeDirectory(): void {
    this.directory = mkdtempSync(join(tmpdir(), 'mirage-service-'));
  }

  end(): void {
    rmSync(this.directory, { recursive: true });
  }

  /** A helper process begins on the same state directory. */
  readonly boot = (): void => {
    const clock = new ManualClock();
    const health = new Health();
    const tunnel = new MemoryTunnel(clock);
    const ownership = new Ownership(clock);
    const owners = new OwnerStore(join(this.directory, 'owner.json'), 'boot-1');
    const sets = new SetShelf(new BlobStore({ directory: join(this.directory, 'blobs'), clock }), clock, silentLogger);
    const service = new HelperService({
      choices: this.choices,
      ruleNotes: this.ruleNotes,
      sets,
      tunnel,
      ownership,
      owners,
      configs: new ConfigStore({ runtimeDir: this.directory, stateDir: this.directory }, () => undefined),
      health,
      privacy: new RowPrivacy(() => ownership.owner?.uid ?? service.configuredBy),
      changes: () => [...tunnel.inForce].map((what) => ({ id: what, what, where: 'here', since: 0 })),
      restore: async () => this.leftovers.splice(0),
      otherDevice: async () => this.otherDevice,
      stranded: { begin: async () => void this.stranded.push('begin'), end: () => void this.stranded.push('end') },
      processes: choosePlatform().processes,
      setLogLevel: () => undefined,
      version: '1.2.3',
      clock,
      log: silentLogger,
    });
    Object.assign(this, { clock, health, tunnel, ownership, owners, sets, service });
  };

  /** Calls as a client of this user does; results are what the contract says. */
  readonly call = async <M extends MethodName>(uid: number, method: M, params: Params<M>): Promise<Result<M>> => {
    const caller = { pid: 1, uid, gid: uid, signal: new AbortController().signal };
    const result = await this.service.handlers[method](params, caller);
    return methods[method].result.parse(result) as Result<M>;
  };
}

/** A ground of its own for each test of the file. */
export function helperGround(): HelperGround {
  const ground = new HelperGround();
  beforeEach(() => ground.begin());
  afterEach(() => ground.end());
  return ground;
}
