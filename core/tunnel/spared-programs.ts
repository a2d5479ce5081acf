/**
 * Proxies and resolvers on this machine that bind their sockets (to get past whatever captures them) go on working under
 * strict-route: whoever listens where one is configured has a mark on each new socket, which passes.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { NativeAddon } from '../system/native.ts';
import { isServiceManager, type LoopGuardSystem } from './loop-guard.ts';
import { sparedMark } from './tunnel-services.ts';

export interface SparedProgramsOptions {
  readonly findListeners: LoopGuardSystem['findListeners'];
  readonly spare: NativeAddon['spareProcesses'];
  readonly clock: Clock;
  readonly log: Logger;
}

/** A program that begins to listen is spared within this time. */
const lookMs = 1_000;

export class SparedPrograms {
  readonly #options: SparedProgramsOptions;
  #stop: (() => void) | undefined;
  #spared = '';

  constructor(options: SparedProgramsOptions) {
    this.#options = options;
  }

  /** Spares whoever listens at one of these, asked anew each second, until `stop`. Resolves after the first look; never rejects. */
  async watch(servers: () => readonly Endpoint[]): Promise<void> {
    this.#stop?.();
    let isOver = false;
    let isLooking = false;
    const look = async (): Promise<void> => {
      if (isLooking) return;
      isLooking = true;
      const pids = await this.#listeners(servers());
      isLooking = false;
      if (!isOver) this.#spare(pids);
    };
    const cancel = this.#options.clock.every(lookMs, () => void look());
    this.#stop = () => {
      isOver = true;
      cancel();
    };
    await look();
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#spare([]);
  }

  async #listeners(servers: readonly Endpoint[]): Promise<number[]> {
    const find = this.#options.findListeners;
    const found = await Promise.all(servers.map(({ host, port }) => find(host, port).catch(() => [])));
    const pids = found
      .flat()
      .filter((process) => !isServiceManager(process))
      .map(({ pid }) => pid);
    return [...new Set(pids)].toSorted((a, b) => a - b);
  }

  #spare(pids: number[]): void {
    const text = pids.join(' ');
    if (text === this.#spared) return;
    const { log, spare } = this.#options;
    try {
      spare(pids, sparedMark);
      log.debug('programs that may choose their own way', { pids: text });
      this.#spared = text;
    } catch (error) {
      // Asked again in a second: told once for each set of programs.
      if (this.#spared !== `not ${text}`) {
        log.warning('proxies and resolvers on this machine may be refused', { reason: AppError.from(error).message });
      }
      this.#spared = `not ${text}`;
    }
  }
}
