/** Steps of a start that only write down what happens to them. */
import { AppError } from '../../../core/base/app-error.ts';
import type { TunnelStep, TunnelStepName, TunnelSteps } from '../../../core/tunnel/tunnel-machine.ts';

export const names: readonly TunnelStepName[] = ['tun', 'dns-server', 'routes', 'system-dns'];

/** Steps that write down what happens to them, and fail or pause where told. */
export class ScriptedSteps implements TunnelSteps {
  readonly lines: string[] = [];
  readonly failing = new Set<string>();
  /** Called inside the named step's begin, while it is under way. */
  readonly during = new Map<string, () => unknown>();
  readonly steps = Object.fromEntries(names.map((name) => [name, this.#step(name)])) as Record<
    TunnelStepName,
    TunnelStep
  >;

  destroySockets(which: 'all' | 'captured'): Promise<void> {
    return this.#do(which === 'all' ? 'sockets' : which);
  }

  flushCaches(): Promise<void> {
    return this.#do('flush');
  }

  device(): string {
    return 'mirage0';
  }

  take(): string[] {
    return this.lines.splice(0);
  }

  #step(name: TunnelStepName): TunnelStep {
    return { begin: () => this.#do(`+${name}`), undo: () => this.#do(`-${name}`) };
  }

  async #do(line: string): Promise<void> {
    this.lines.push(line);
    await Promise.resolve();
    void this.during.get(line)?.();
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failing.has(line)) throw new AppError('SYSTEM_ROUTES_FAILED', `${line} failed`);
  }
}
