/**
 * Whose Enhanced Mode is: a user's, not a connection's. A session lives by its lease, a persistent one until it is turned
 * off. Knows nothing of what being on means.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Owner } from '../contract/status.ts';

/** A session that is not renewed for so long ends. */
export const leaseMs = 20_000;
/**
 * In so many parts, of which each counts once however late its end is noticed: a machine that stood still (a virtual machine that
 * was paused, a frozen control group, swapping) has heard nobody meanwhile, and its apps have a word first.
 */
const leaseParts = 4;
/** After a crash of the helper, a session's app may come back for so long. */
export const returnMs = 60_000;

export class Ownership {
  /** Every change of `owner`. */
  readonly changed = new Emitter<Owner | null>();
  /** A session's lease ran out; it is still the owner until `release`. */
  readonly expired = new Emitter<Owner>();
  /** The app of a session before us has not come back within the lease; it still may until `returnMs`. */
  readonly overdue = new Emitter<number>();
  readonly #clock: Clock;
  #owner: Owner | null = null;
  /** Whose session ended with the helper before us. */
  #awaited: number | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get owner(): Owner | null {
    return this.#owner;
  }

  /** Whether it is this user's to change: theirs, nobody's, or they are root. A session that may come back is its user's. */
  isOpenTo(uid: number): boolean {
    const holder = this.#owner?.uid ?? this.#awaited;
    return uid === 0 || holder === undefined || holder === uid;
  }

  /** Throws HELPER_IN_USE when it is another user's. */
  assertOpenTo(uid: number): void {
    if (this.isOpenTo(uid)) return;
    const owner = this.#owner?.uid ?? this.#awaited ?? 0;
    throw new AppError('HELPER_IN_USE', `Enhanced Mode is in use by user ${owner}`, {
      expected: 'that user, or an administrator, turns it off first',
      details: { uid: owner },
    });
  }

  /** Makes it this owner's; a session's lease begins. */
  claim(owner: Owner): void {
    this.#settle();
    this.#owner = owner;
    if (owner.mode === 'session') this.#startLease(owner);
    this.changed.emit(owner);
  }

  /** Makes it nobody's, and waits for nobody. */
  release(): void {
    this.#settle();
    if (this.#owner === null) return;
    this.#owner = null;
    this.changed.emit(null);
  }

  /** Gives the owner of a session before us the time to come back. */
  awaitReturn(uid: number): void {
    this.#settle();
    this.#awaited = uid;
    this.#cancelTimer = this.#clock.after(leaseMs, () => {
      this.#cancelTimer = this.#clock.after(returnMs - leaseMs, () => {
        this.#cancelTimer = undefined;
        this.#awaited = undefined;
      });
      this.overdue.emit(uid);
    });
  }

  /**
   * A sign of life of this user's app. `renewed`: the lease is new; `returned`: it was waited for and may `claim` again;
   * `none`: there is no session of theirs.
   */
  renew(uid: number): 'renewed' | 'returned' | 'none' {
    if (this.#owner?.uid === uid && this.#owner.mode === 'session') {
      this.#startLease(this.#owner);
      return 'renewed';
    }
    return this.#owner === null && this.#awaited === uid ? 'returned' : 'none';
  }

  #startLease(owner: Owner, parts = leaseParts): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(leaseMs / leaseParts, () => {
      this.#cancelTimer = undefined;
      if (parts > 1) this.#startLease(owner, parts - 1);
      else this.expired.emit(owner);
    });
  }

  #settle(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#awaited = undefined;
  }
}
