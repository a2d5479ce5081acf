/** System DNS by our own /etc/resolv.conf: journaled first, watched while active, put back byte for byte and link for link. */

import { TokenBucket } from '../../../base/token-bucket.ts';
import { warningOf } from '../../../contract/warning-texts.ts';
import type { DnsSettings } from '../../system-dns.ts';
import type { NewUndoRecord, ResolvConfState } from '../../undo-record.ts';
import { renderResolvConf } from './resolv-conf-text.ts';
import { type ResolvConfRecord, stateBefore, undoResolvConf } from './resolv-conf-undo.ts';
import type { BackendServices, SystemDnsBackend } from './system-dns-backend.ts';

/** Writers take a moment to finish; a half-written file must not become the "before". */
const settleMs = 200;
/** So many foreign writes at once are answered; more are a fight, and answered only every `patienceMs`. */
const contention = { burst: 5, patienceMs: 30_000 } as const;
const contentionCodes = ['SYSTEM_DNS_CONTENDED', 'SYSTEM_DNS_LOST'] as const;

export class StaticResolvConf implements SystemDnsBackend {
  readonly #options: BackendServices;
  #wanted: DnsSettings | undefined;
  #stopWatch: (() => void) | undefined;
  #planned: { due: number; cancel: () => void } | undefined;
  readonly #defences: TokenBucket;
  #contended = false;

  constructor(options: BackendServices) {
    this.#options = options;
    this.#defences = new TokenBucket(options.clock, 1_000 / contention.patienceMs, contention.burst);
  }

  async apply(wanted: DnsSettings | undefined): Promise<void> {
    this.#unwatch();
    this.#wanted = wanted;
    if (wanted === undefined) return await this.#remove();
    try {
      await this.#put(wanted);
    } catch (error) {
      this.#wanted = undefined;
      throw error;
    }
    this.#watch();
  }

  async #put(wanted: DnsSettings): Promise<void> {
    const { file, journal } = this.#options;
    const record = this.#record();
    const current = await file.read();
    const previous = stateBefore(current, record, wanted.server);
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
    for (const code of contentionCodes) this.#options.health.clear(code);
    this.#contended = false;
    const records = this.#options.journal.of('resolv-conf');
    if (records.length === 0) return;
    await undoResolvConf(this.#options.file, records);
    await this.#options.journal.forget(records.map((record) => record.id));
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
    const { clock, logger, serially } = this.#options;
    const due = clock.monotonic() + delayMs;
    if (this.#planned !== undefined && this.#planned.due <= due) return;
    this.#planned?.cancel();
    const cancel = clock.after(delayMs, () => {
      this.#planned = undefined;
      serially(() => this.#defend()).catch((error: unknown) => {
        logger.error('system DNS could not be put back', { error: String(error) });
        this.#raiseContended('SYSTEM_DNS_LOST');
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
      for (const code of contentionCodes) health.clear(code);
      return;
    }
    if (!this.#defences.take()) {
      this.#raiseContended('SYSTEM_DNS_CONTENDED');
      return this.#check(this.#defences.waitMs());
    }
    logger.info('resolv.conf was changed by another program; our server is put back', { file: file.path });
    await this.#put(wanted);
    // The new file is another inode: a watch of the old one sees nothing any more.
    this.#watch();
  }

  /** One of the two stands at a time. */
  #raiseContended(code: (typeof contentionCodes)[number]): void {
    const { file, health } = this.#options;
    const values = { file: file.path, seconds: contention.patienceMs / 1_000 };
    this.#contended = true;
    for (const other of contentionCodes) if (other !== code) health.clear(other);
    health.raise(warningOf(code, values));
  }
}
