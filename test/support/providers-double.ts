/** Providers of whom nobody wants anything, as the app process sees them. */
import { Emitter } from '../../core/base/emitter.ts';
import type { ProviderRow } from '../../core/contract/providers.ts';
import type { Wanted } from '../../core/profile/profile-loader.ts';
import type { OneProvider } from '../../core/provider/providers.ts';

export class ProvidersDouble {
  readonly changed = new Emitter<void>();
  readonly contentsChanged = new Emitter<void>();
  readonly blobs = new Map<string, Buffer>();
  readonly used: Wanted[] = [];
  readonly updated: (string | undefined)[] = [];
  readonly stopped: (string | undefined)[] = [];
  list: ProviderRow[] = [];
  running = false;
  /** How often it was told that other policies are in force. */
  policiesCame = 0;

  use(wanted: Wanted): void {
    this.used.push(wanted);
  }

  start(): void {
    this.running = true;
  }

  policiesChanged(): void {
    this.policiesCame += 1;
  }

  stop(): void {
    this.running = false;
  }

  async update({ name }: OneProvider = {}): Promise<void> {
    this.updated.push(name);
  }

  stopUpdate({ name }: OneProvider = {}): void {
    this.stopped.push(name);
  }

  rows(): ProviderRow[] {
    return this.list;
  }

  blob(sha256: string): Buffer | undefined {
    return this.blobs.get(sha256);
  }
}
