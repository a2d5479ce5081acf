/**
 * The states of Enhanced Mode and the order of its steps. Every step that was begun, even one that failed half-way, is
 * undone exactly once; what the steps do is not known here.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import type { TunnelState } from '../contract/status.ts';

export type TunnelStepName = 'tun' | 'dns-server' | 'routes' | 'system-dns';

export interface TunnelStep {
  /**
   * Rejects when it cannot be done, or was given up because of `signal`; `undo` is called then too. `routes` and
   * `system-dns` are begun once more, without an `undo`, when `switches`, the device or the configuration have changed:
   * they set the difference to what is in force, be it from a helper before this one.
   */
  begin(signal: AbortSignal, switches: TunnelSwitches): Promise<void>;
  /** Takes back what `begin` did, wholly or in part. Rejects when the machine's network is not as before. */
  undo(): Promise<void>;
}

export interface TunnelSteps {
  readonly steps: { readonly [N in TunnelStepName]: TunnelStep };
  /**
   * Ends the connections of this machine that go through the TUN, which nobody answers any more: programs would hang on
   * them, and the kernel would send on from the TUN's address. `captured`: only those to other than fake addresses.
   */
  destroySockets(which: 'all' | 'captured'): Promise<void>;
  /** Makes the system's resolvers forget what they were answered. A failure is not held against start or stop. */
  flushCaches(): Promise<void>;
  /** Name of the interface while `tun` is begun. */
  device(): string;
}

/** The two halves of Enhanced Mode. */
export interface TunnelSwitches {
  readonly systemDns: boolean;
  readonly autoRoute: boolean;
}

const startOrder: readonly TunnelStepName[] = ['tun', 'dns-server', 'routes', 'system-dns'];
/**
 * The TUN first: with it the kernel drops the routes into it, and what is left of ours makes all that was captured
 * unreachable. So nothing leaves around the rules while flows and sockets end, and names are asked of the servers of before.
 * The routes last: from then on traffic goes as it would without us.
 */
const stopOrder: readonly TunnelStepName[] = ['tun', 'dns-server', 'system-dns', 'routes'];
/** What a restart makes anew, in the order of its end; the rest stays in force meanwhile and keeps everything closed. */
const restartOrder: readonly TunnelStepName[] = ['tun', 'dns-server'];

export class TunnelMachine {
  /** Every change of `state`. */
  readonly changed = new Emitter<TunnelState>();
  readonly #steps: TunnelSteps;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #begun = new Set<TunnelStepName>();
  #state: TunnelState = { kind: 'stopped' };
  /** Commands run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** Of the start or switch that came last. */
  #switches: TunnelSwitches = { systemDns: true, autoRoute: true };
  /** Of the starts under way and in wait. */
  readonly #starts = new Set<AbortController>();

  constructor(steps: TunnelSteps, clock: Clock, log: Logger) {
    this.#steps = steps;
    this.#clock = clock;
    this.#log = log;
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** Resolves when running. Otherwise everything begun has been undone, and it rejects with the reason. */
  start(switches: TunnelSwitches): Promise<void> {
    const starting = new AbortController();
    this.#starts.add(starting);
    return this.#inTurn(() => this.#start(switches, starting.signal).finally(() => this.#starts.delete(starting)));
  }

  /** Cancels a start under way and undoes everything. Rejects when something could not be undone; all of it was tried. */
  stop(): Promise<void> {
    this.#abortStarts(new TurnedOff());
    return this.#inTurn(async () => {
      const failure = await this.#unwind();
      this.#set(failure === undefined ? { kind: 'stopped' } : { kind: 'error', error: failure.toData() });
      if (failure !== undefined) throw failure;
    });
  }

  /**
   * For a change that the device cannot take while it is there: ends the device, makes the change, begins a new one. Routes
   * and system DNS stay and take over what has changed. When not running, it only makes the change. Rejects as `start`
   * does, with everything undone, and as `change` does, after the device has begun again without it.
   */
  restart(change: () => void): Promise<void> {
    const starting = new AbortController();
    return this.#inTurn(async () => {
      if (this.#state.kind !== 'running') return change();
      this.#starts.add(starting);
      try {
        for (const name of restartOrder) {
          this.#set({ kind: 'stopping', step: name });
          await this.#undoStep(name);
        }
        const refused = failureOf(change);
        await this.#bringUp(this.#switches, starting.signal);
        if (refused !== undefined) throw refused;
      } finally {
        this.#starts.delete(starting);
      }
    });
  }

  /** Begins a step that is in force once more, for what it depends on has changed; for declarative steps only. */
  refresh(name: TunnelStepName): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#begun.has(name)) await this.#steps.steps[name].begin(new AbortController().signal, this.#switches);
    });
  }

  /** Changes the halves while running; does nothing otherwise. A half that cannot be begun is undone, and it rejects. */
  setSwitches(switches: TunnelSwitches): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state.kind === 'running') await this.#switch(switches);
    });
  }

  /** Runs a task that must not meet a step, when none is begun at its turn; does nothing otherwise. Rejects as the task does. */
  whenStopped(task: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#begun.size === 0) await task();
    });
  }

  /** Runs a task that must not meet a step, when it is running at its turn; does nothing otherwise. Rejects as the task does. */
  whenRunning(task: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state.kind === 'running') await task();
    });
  }

  /** The data plane ended by itself: undoes everything and stays in `error` with this reason. */
  died(reason: string): Promise<void> {
    const error = new AppError('TUN_FAILED', reason, { expected: 'turn Enhanced Mode on again' });
    this.#abortStarts(error);
    return this.#inTurn(async () => {
      if (!this.#begun.has('tun')) return;
      this.#log.error('data plane died', { reason });
      await this.#unwind();
      this.#set({ kind: 'error', error: error.toData() });
    });
  }

  async #start(switches: TunnelSwitches, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#state.kind === 'running') return this.#switch(switches);
    await this.#bringUp(switches, signal);
  }

  async #bringUp(switches: TunnelSwitches, signal: AbortSignal): Promise<void> {
    this.#switches = switches;
    try {
      await this.#begin(switches, signal);
      this.#set({ kind: 'running', since: this.#clock.now(), device: this.#steps.device() });
    } catch (caught) {
      const error = AppError.from(signal.aborted ? signal.reason : caught, 'TUN_FAILED');
      this.#log.warning('start failed and is rolled back', { code: error.code, reason: error.message });
      await this.#unwind();
      this.#set(error instanceof TurnedOff ? { kind: 'stopped' } : { kind: 'error', error: error.toData() });
      throw error;
    }
  }

  #abortStarts(reason: AppError): void {
    for (const start of this.#starts) start.abort(reason);
  }

  async #begin(switches: TunnelSwitches, signal: AbortSignal): Promise<void> {
    for (const name of startOrder) {
      if (!isWanted(name, switches)) continue;
      signal.throwIfAborted();
      this.#set({ kind: 'starting', step: name });
      await this.#beginStep(name, signal, switches);
    }
    signal.throwIfAborted();
    this.#set({ kind: 'starting', step: 'flush-caches' });
    await this.#flushCaches();
    signal.throwIfAborted();
  }

  async #beginStep(name: TunnelStepName, signal: AbortSignal, switches: TunnelSwitches): Promise<void> {
    this.#begun.add(name);
    this.#log.debug('step begins', { step: name });
    await this.#steps.steps[name].begin(signal, switches);
  }

  /** Undoes all that was begun; answers the first failure after everything was tried. */
  async #unwind(): Promise<AppError | undefined> {
    if (this.#begun.size === 0) return undefined;
    const failures: AppError[] = [];
    for (const name of stopOrder) {
      if (!this.#begun.has(name)) continue;
      this.#set({ kind: 'stopping', step: name });
      failures.push(...(await this.#undoStep(name)));
    }
    this.#set({ kind: 'stopping', step: 'flush-caches' });
    await this.#flushCaches();
    return failures[0];
  }

  async #undoStep(name: TunnelStepName): Promise<AppError[]> {
    this.#begun.delete(name);
    this.#log.debug('step is undone', { step: name });
    const failures: AppError[] = [];
    try {
      await this.#steps.steps[name].undo();
    } catch (caught) {
      const error = AppError.from(caught, 'SYSTEM_JOURNAL_FAILED', `${name} could not be undone`);
      this.#log.error('step could not be undone', { step: name, code: error.code, reason: error.message });
      failures.push(error);
    }
    if (name === 'tun') await this.#destroySockets('all');
    return failures;
  }

  async #destroySockets(which: 'all' | 'captured'): Promise<void> {
    await this.#steps.destroySockets(which).catch((error: unknown) => {
      this.#log.warning('connections through the TUN could not be ended', { reason: String(error) });
    });
  }

  async #switch(switches: TunnelSwitches): Promise<void> {
    let touched = false;
    try {
      for (const name of stopOrder) {
        if (isWanted(name, switches) || !this.#begun.has(name)) continue;
        touched = true;
        const [failure] = await this.#undoStep(name);
        if (failure !== undefined) throw failure;
      }
      for (const name of startOrder) {
        const changes = name === 'routes' && switches.autoRoute !== this.#switches.autoRoute;
        const begun = this.#begun.has(name);
        if (!isWanted(name, switches) || (begun && !changes)) continue;
        touched = true;
        try {
          await this.#beginStep(name, new AbortController().signal, switches);
        } catch (caught) {
          if (!begun) await this.#undoStep(name);
          throw caught;
        }
      }
      if (this.#switches.autoRoute && !switches.autoRoute) await this.#destroySockets('captured');
      this.#switches = switches;
    } finally {
      if (touched) await this.#flushCaches();
    }
  }

  async #flushCaches(): Promise<void> {
    await this.#steps.flushCaches().catch((error: unknown) => {
      this.#log.warning('caches could not be flushed', { reason: String(error) });
    });
  }

  #inTurn<T>(command: () => Promise<T>): Promise<T> {
    const result = this.#last.then(command);
    this.#last = result.catch(() => undefined);
    return result;
  }

  #set(state: TunnelState): void {
    this.#state = state;
    this.changed.emit(state);
  }
}

class TurnedOff extends AppError {
  constructor() {
    super('TUN_FAILED', 'Enhanced Mode was turned off while it was starting');
  }
}

/** Fake addresses are routed as long as there is a device: they are held by programs, and mean nothing anywhere else. */
function isWanted(name: TunnelStepName, switches: TunnelSwitches): boolean {
  return name !== 'system-dns' || switches.systemDns;
}

function failureOf(change: () => void): unknown {
  try {
    change();
    return undefined;
  } catch (error) {
    return error ?? new AppError('INTERNAL', 'the change failed');
  }
}
