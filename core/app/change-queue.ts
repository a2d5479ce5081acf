/**
 * One queue for everything that changes what the helper has in force: one change at a time, in the order in which they came. Of
 * changes of one subject the newest decides: an older one hands over to it at the first point where it can.
 */
import { AppError } from '../base/app-error.ts';
import { unchecked } from '../rpc/unchecked.ts';

/** `profile`: which configuration is in force. `enhanced`: turning Enhanced Mode on. `wait`: changes nothing. */
export type Subject = 'profile' | 'enhanced' | 'wait';

/** Changes that have not ended; more are refused. */
const maxOpen = 64;

interface Entry {
  readonly subject: Subject;
  readonly abort: AbortController;
  outcome: Promise<unknown>;
  dropped: AppError | undefined;
}

/** Why a signal is aborted when a newer change of the same subject has come. */
class Superseded extends Error {
  readonly by: Entry;

  constructor(by: Entry) {
    super('a newer change has come');
    this.by = by;
  }
}

/** Whether this is why a change has ended: a newer one does what it had to do. */
export function isSuperseded(reason: unknown): boolean {
  return reason instanceof Superseded;
}

export class ChangeQueue {
  readonly #open = new Set<Entry>();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs the task when all earlier ones have ended. Its signal is aborted when a newer one of the subject comes, also before it
   * begins: a task that throws the signal's reason is answered by the newer one's outcome. Rejects with the reason of `drop`, and
   * with RPC_BUSY when too many are open.
   */
  run<T>(subject: Subject, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#open.size >= maxOpen) return Promise.reject(new AppError('RPC_BUSY', 'too many changes are under way'));
    const abort = new AbortController();
    const entry: Entry = { subject, abort, outcome: this.#last, dropped: undefined };
    const ended = this.#last.then(async () => {
      if (entry.dropped !== undefined) throw entry.dropped;
      return await task(abort.signal);
    });
    this.#last = ended.catch(() => undefined).then(() => this.#open.delete(entry));
    const outcome = ended.catch(async (caught: unknown) => {
      // Of one subject, so of one kind of outcome.
      if (caught instanceof Superseded) return unchecked<T>(await caught.by.outcome);
      throw caught;
    });
    entry.outcome = outcome;
    if (subject !== 'wait')
      for (const older of this.#open) if (older.subject === subject) older.abort.abort(new Superseded(entry));
    this.#open.add(entry);
    return outcome;
  }

  /** Ends those of a subject, or all: those that wait are not begun, one that runs ends where it can. */
  drop(reason: AppError, subject?: Subject): void {
    for (const entry of this.#open) {
      if (subject !== undefined && entry.subject !== subject) continue;
      entry.dropped ??= reason;
      entry.abort.abort(reason);
    }
  }
}
