/** System DNS by our own /etc/resolv.conf: journaled first, watched while active, put back byte for byte and link for link. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import type { ResolverOptions } from '../../net/resolver-options.ts';
import type { HealthSink } from '../health-sink.ts';
import { SerialQueue } from '../serial-queue.ts';
import type { UndoJournal } from '../undo-journal.ts';
import type { NewUndoRecord, ResolvConfState } from '../undo-record.ts';
import { baseFiles, readBaseOptions, readBaseSearch, readBaseServers } from './base-servers.ts';
import { BaseWatch } from './base-watch.ts';
import { chooseSystemDns, dnsNoteCodes } from './choose-system-dns.ts';
import { readDnsEnvironment } from './dns-environment.ts';
import type { FileWatch } from './file-watch.ts';
import type { ResolvConfFile } from './resolv-conf-file.ts';
import { renderResolvConf } from './resolv-conf-text.ts';
import { type ResolvConfRecord, stateBefore, undoResolvConf } from './resolv-conf-undo.ts';
import type { DnsSettings, SystemDns } from './system-dns.ts';

export interface StaticResolvConfOptions {
  readonly file: ResolvConfFile;
  readonly journal: UndoJournal;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly watch: FileWatch;
  /** `/`; what else is looked at lies below it. */
  readonly root: string;
  /** Of the file we write where there was none. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** Writers take a moment to finish; a half-written file must not become the "before". */
const settleMs = 200;
/** So many foreign writes at once are answered; more are a fight, and answered only every `patienceMs`. */
const contention = { burst: 5, patienceMs: 30_000, code: 'SYSTEM_DNS_CONTENDED' } as const;

export class StaticResolvConf implements SystemDns {
  readonly #options: StaticResolvConfOptions;
  readonly #queue = new SerialQueue();
  #wanted: DnsSettings | undefined;
  #stopWatch: (() => void) | undefined;
  #planned: { due: number; cancel: () => void } | undefined;
  readonly #defences: TokenBucket;
  #contended = false;

  constructor(options: StaticResolvConfOptions) {
    this.#options = options;
    this.#defences = new TokenBucket(options.clock, 1_000 / contention.patienceMs, contention.burst);
  }

  apply(wanted: DnsSettings | undefined): Promise<void> {
    return this.#queue.run(async () => {
      this.#unwatch();
      this.#wanted = wanted;
      if (wanted === undefined) return await this.#remove();
      try {
        await this.#put(wanted, true);
      } catch (error) {
        this.#wanted = undefined;
        throw error;
      }
      this.#watch();
    });
  }

  baseServers(): Promise<string[]> {
    return this.#queue.run(async () => {
      const { file, root } = this.#options;
      const own = this.#record()?.ours.servers ?? [];
      return (await readBaseServers(await this.#before(), file.path, root)).filter((ip) => !own.includes(ip));
    });
  }

  baseOptions(): Promise<ResolverOptions> {
    return this.#queue.run(async () => await readBaseOptions(await this.#before(), this.#options.file.path));
  }

  baseSearch(): Promise<string[]> {
    return this.#queue.run(async () => await readBaseSearch(await this.#before(), this.#options.file.path));
  }

  onBaseChange(changed: () => void): () => void {
    const { clock, file, logger, root, watch } = this.#options;
    const read = () =>
      this.#queue.run(async () => {
        const before = await this.#before();
        const own = this.#record()?.ours.servers ?? [];
        const servers = (await readBaseServers(before, file.path, root)).filter((ip) => !own.includes(ip));
        const search = await readBaseSearch(before, file.path);
        const said = JSON.stringify([servers, search, await readBaseOptions(before, file.path)]);
        return { files: [file.path, ...baseFiles(before, file.path, root)], said };
      });
    const base = new BaseWatch({ watch, clock, logger, read, onChange: changed });
    return () => base.stop();
  }

  async #before(): Promise<ResolvConfState> {
    return stateBefore(await this.#options.file.read(), this.#record(), this.#wanted?.server ?? '');
  }

  async #put(wanted: DnsSettings, choose: boolean): Promise<void> {
    const { file, journal } = this.#options;
    const record = this.#record();
    const current = await file.read();
    const previous = stateBefore(current, record, wanted.server);
    if (choose) await this.#choose(previous);
    const content = renderResolvConf(previous, wanted);
    if (record !== undefined && current.kind === 'file' && current.content === content) return;
    const change: NewUndoRecord = {
      kind: 'resolv-conf',
      what: `system DNS ${wanted.server}`,
      where: file.path,
      previous,
      ours: { content, servers: [...new Set([...(record?.ours.servers ?? []), wanted.server])] },
    };
    if (record === undefined) await journal.record([change]);
    else await journal.replace(record.id, change);
    try {
      await file.write(this.#ownState(previous, content));
    } catch (error) {
      await this.#remove().catch((second: unknown) => {
        this.#options.logger.error('a failed change of system DNS could not be taken back', { error: String(second) });
      });
      throw error;
    }
  }

  async #remove(): Promise<void> {
    for (const code of [...dnsNoteCodes, contention.code]) this.#options.health.clear(code);
    this.#contended = false;
    const records = this.#options.journal.of('resolv-conf');
    if (records.length === 0) return;
    await undoResolvConf(this.#options.file, records);
    await this.#options.journal.forget(records.map((record) => record.id));
  }

  async #choose(before: ResolvConfState): Promise<void> {
    const { health, logger, root } = this.#options;
    const environment = await readDnsEnvironment(before, root);
    const choice = chooseSystemDns(environment);
    logger.info('system DNS', {
      kind: choice.kind,
      why: choice.why,
      resolvConf: environment.resolvConf,
      nameservers: environment.nameservers.join(','),
      resolved: environment.resolvedRuns,
      networkManager: environment.networkManagerRuns,
      writtenBy: environment.writtenBy,
      hosts: environment.hostSources.join(','),
    });
    for (const code of dnsNoteCodes) health.clear(code);
    for (const note of choice.notes) health.raise(note);
  }

  #ownState(previous: ResolvConfState, content: string): ResolvConfState {
    if (previous.kind === 'file') return { ...previous, content };
    return { kind: 'file', content, mode: 0o644, ...this.#options.owner };
  }

  #record(): ResolvConfRecord | undefined {
    return this.#options.journal.of('resolv-conf')[0];
  }

  #watch(): void {
    this.#unwatch();
    try {
      this.#stopWatch = this.#options.watch(this.#options.file.path, () => this.#check(settleMs));
    } catch (error) {
      this.#options.logger.warning('resolv.conf is not watched', { error: String(error) });
    }
  }

  #unwatch(): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    this.#planned?.cancel();
    this.#planned = undefined;
  }

  /** Looks after `delayMs` whether our server still stands there; of several planned looks the earliest is kept. */
  #check(delayMs: number): void {
    const { clock, logger } = this.#options;
    const due = clock.monotonic() + delayMs;
    if (this.#planned !== undefined && this.#planned.due <= due) return;
    this.#planned?.cancel();
    const cancel = clock.after(delayMs, () => {
      this.#planned = undefined;
      this.#queue
        .run(() => this.#defend())
        .catch((error: unknown) => {
          logger.error('system DNS could not be put back', { error: String(error) });
          this.#raiseContended('It could not be put back.');
          this.#check(contention.patienceMs);
        });
    });
    this.#planned = { due, cancel };
  }

  async #defend(): Promise<void> {
    const { file, health, logger } = this.#options;
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const current = await file.read();
    if (current.kind === 'file' && current.content === this.#record()?.ours.content) {
      if (!this.#contended) return;
      if (this.#defences.waitMs(2) > 0) return this.#check(contention.patienceMs);
      this.#contended = false;
      return health.clear(contention.code);
    }
    if (!this.#defences.take()) {
      this.#raiseContended('Mirage now puts it back only every 30 seconds.');
      return this.#check(this.#defences.waitMs());
    }
    logger.info('resolv.conf was changed by another program; our server is put back', { file: file.path });
    await this.#put(wanted, false);
    // The new file is another inode: a watch of the old one sees nothing any more.
    this.#watch();
  }

  #raiseContended(consequence: string): void {
    this.#contended = true;
    this.#options.health.raise({
      code: contention.code,
      severity: 'warning',
      title: 'Another program keeps changing system DNS',
      text: `${this.#options.file.path} was overwritten again and again. ${consequence} Questions sent to other servers through the tunnel are still answered.`,
      action: 'Find the program that writes it (a DHCP client or VPN) and turn its DNS setting off.',
    });
  }
}
