/**
 * Work that clients cause and that must not hold up what the process is for (answering DNS): done in slices of a few
 * milliseconds with pauses between them, a slice of each client in turn.
 */
import { stackOf } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Steps } from '../base/steps.ts';

/** Milliseconds of work without a pause. */
const sliceMs = 2;
/** The pause after a slice, in times of what the slice took: work gets a third of the thread at most. */
const pauseFactor = 2;

/** Takes one step; returns how to tell the outcome once there is one. */
type Task = () => (() => void) | undefined;

export class BackgroundWork {
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By client; the first one is next. */
  readonly #queues = new Map<number, Task[]>();
  #restUntil = Number.NEGATIVE_INFINITY;
  #cancelTurn: (() => void) | undefined;
  #busy = false;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Tasks of a client that are not done. */
  waiting(client: number): number {
    return this.#queues.get(client)?.length ?? 0;
  }

  /**
   * Does a client's work after what it has asked for already. Begins at once when nothing else is under way: work that is
   * done in a slice is done when this returns. `finished` is then called, exactly once unless `cancel` was called; what it throws
   * is logged and troubles nobody else's work.
   */
  run<T>(
    client: number,
    steps: Steps<T>,
    finished: (outcome: { value: T } | { error: unknown }) => void,
  ): { cancel(): void } {
    const task: Task = () => {
      try {
        const { done, value } = steps.next();
        return done === true ? () => finished({ value }) : undefined;
      } catch (error) {
        return () => finished({ error });
      }
    };
    const queue = this.#queues.get(client);
    if (queue === undefined) this.#queues.set(client, [task]);
    else queue.push(task);
    this.#schedule();
    return { cancel: () => this.#cancel(client, task) };
  }

  #schedule(): void {
    if (this.#busy || this.#cancelTurn !== undefined || this.#queues.size === 0) return;
    const rest = this.#restUntil - this.#clock.monotonic();
    if (rest <= 0) return this.#turn();
    this.#cancelTurn = this.#clock.after(rest, () => {
      this.#cancelTurn = undefined;
      this.#turn();
    });
  }

  #turn(): void {
    const begun = this.#clock.monotonic();
    this.#busy = true;
    let used = 0;
    try {
      while (used < sliceMs && this.#queues.size > 0) {
        this.#step();
        used = this.#clock.monotonic() - begun;
      }
    } finally {
      this.#busy = false;
      this.#restUntil = begun + used * (1 + pauseFactor);
    }
    this.#schedule();
  }

  /** One step for the client whose turn it is, which is then the last in line. */
  #step(): void {
    const [next] = this.#queues;
    if (next === undefined) return;
    const [client, queue] = next;
    const [task] = queue;
    this.#queues.delete(client);
    this.#queues.set(client, queue);
    if (task === undefined) return;
    const tell = task();
    if (tell === undefined) return;
    this.#remove(client, task);
    try {
      tell();
    } catch (error) {
      this.#log.error('the end of background work failed by a defect', { client, error: stackOf(error) });
    }
  }

  #cancel(client: number, task: Task): void {
    this.#remove(client, task);
    if (this.#queues.size > 0) return;
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
  }

  #remove(client: number, task: Task): void {
    const queue = this.#queues.get(client);
    const at = queue?.indexOf(task) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(client);
  }
}
