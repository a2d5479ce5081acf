/**
 * Tells when what the machine's resolvers are told without us has changed: servers, search list, options. Whoever writes it
 * (a DHCP client, NetworkManager, a VPN that ends), and whether it is resolv.conf itself or what it led to before us.
 */
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { FileWatch } from './file-watch.ts';

export interface BaseWatchOptions {
  readonly watch: FileWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The files that matter now, and what they say as text to compare. */
  readonly read: () => Promise<{ readonly files: readonly string[]; readonly said: string }>;
  readonly onChange: () => void;
}

/** Writers take a moment to finish; bursts are one change. */
const settleMs = 250;

export class BaseWatch {
  readonly #options: BaseWatchOptions;
  readonly #watched = new Map<string, () => void>();
  #said: string | undefined;
  #cancel: (() => void) | undefined;
  #running = true;

  /** Begins at once; what is read first is no change. */
  constructor(options: BaseWatchOptions) {
    this.#options = options;
    void this.#look();
  }

  stop(): void {
    this.#running = false;
    this.#cancel?.();
    for (const unwatch of this.#watched.values()) unwatch();
    this.#watched.clear();
  }

  async #look(): Promise<void> {
    const { logger, onChange, read } = this.#options;
    try {
      const { files, said } = await read();
      if (!this.#running) return;
      this.#watch(files);
      const before = this.#said;
      this.#said = said;
      if (before === undefined || before === said) return;
      logger.info('the DNS settings of this machine have changed', { said });
      onChange();
    } catch (error) {
      logger.warning('the DNS settings of this machine cannot be read', { error: String(error) });
    }
  }

  /** Every file anew: one that was exchanged is another inode, which the old watch does not see. */
  #watch(files: readonly string[]): void {
    for (const unwatch of this.#watched.values()) unwatch();
    this.#watched.clear();
    for (const file of files) {
      try {
        this.#watched.set(
          file,
          this.#options.watch(file, () => this.#plan()),
        );
      } catch (error) {
        this.#options.logger.debug('a file is not watched', { file, error: String(error) });
      }
    }
  }

  #plan(): void {
    if (!this.#running || this.#cancel !== undefined) return;
    this.#cancel = this.#options.clock.after(settleMs, () => {
      this.#cancel = undefined;
      void this.#look();
    });
  }
}
