/** Tasks of several users, one at a time: users in turn, a user's in their order. */
import { AppError } from '../base/app-error.ts';
import { RoundRobin } from '../base/round-robin.ts';

/** Tasks of a user that wait; more are refused. */
const maxWaiting = 16;

export class UserTurns {
  readonly #tasks = new RoundRobin<number, () => Promise<void>>();
  readonly #waiting = new Map<number, number>();
  #isBusy = false;

  /** Rejects as the task does, and with RPC_BUSY when too many of this user wait. */
  async run<T>(uid: number, task: () => Promise<T>): Promise<T> {
    const waiting = this.#waiting.get(uid) ?? 0;
    if (waiting >= maxWaiting) throw new AppError('RPC_BUSY', 'too many changes of this user wait for their turn');
    this.#waiting.set(uid, waiting + 1);
    const outcome = new Promise<T>((resolve, reject) => {
      this.#tasks.add(uid, async () => {
        const left = (this.#waiting.get(uid) ?? 1) - 1;
        if (left > 0) this.#waiting.set(uid, left);
        else this.#waiting.delete(uid);
        await task().then(resolve, reject);
      });
    });
    if (!this.#isBusy) void this.#work();
    return await outcome;
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let task = this.#tasks.take(); task !== undefined; task = this.#tasks.take()) await task();
    this.#isBusy = false;
  }
}
