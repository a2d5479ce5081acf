/**
 * What outlives the helper: whose Enhanced Mode it is, how each user has switched it, which app gave the last sign of life. What
 * cannot be written is told by health, and not resumed after a crash; nothing else depends on it.
 */
import { causeOf } from '../base/cause-of.ts';
import type { Logger } from '../base/logger.ts';
import type { Owner } from '../contract/status.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { Processes } from '../system/operating-system.ts';
import type { ProcessIdentity } from '../system/process-identity.ts';
import type { Health } from './health.ts';
import { initialSwitches, type OwnerStore, type RememberedState, type UserSwitches } from './owner-store.ts';

type KnownProcesses = Pick<Processes, 'identityOf' | 'isAlive'>;

export class Remembered {
  readonly #owners: OwnerStore;
  readonly #processes: KnownProcesses;
  readonly #health: Health;
  readonly #log: Logger;
  /** What each user has chosen; it says nothing about the Enhanced Mode of another. */
  #switches = new Map<number, UserSwitches>();
  /** The process that gave the session its last sign of life. */
  #app: ProcessIdentity | null = null;

  constructor(owners: OwnerStore, processes: KnownProcesses, health: Health, log: Logger) {
    this.#owners = owners;
    this.#processes = processes;
    this.#health = health;
    this.#log = log;
  }

  /** As the helper before us left it; changes nothing here. */
  peek(): RememberedState {
    return this.#owners.load();
  }

  /** Goes on with what the helper before us left. Returns whom to resume. */
  recall(): Owner | null {
    const { owner, switches } = this.#owners.load();
    this.#switches = new Map(switches);
    return owner;
  }

  switchesOf(uid: number): UserSwitches {
    return this.#switches.get(uid) ?? initialSwitches;
  }

  /** On disk with the next `save`. */
  setSwitches(uid: number, switches: UserSwitches): void {
    this.#switches.set(uid, switches);
  }

  /** The app of this process turns Enhanced Mode on; on disk with the next `save`. */
  setApp(pid: number): void {
    this.#app = this.#processes.identityOf(pid) ?? null;
  }

  /** A renewal every few seconds is no reason to write: only when it is another app. */
  noteApp(pid: number, owner: Owner | null): void {
    if (this.#app?.pid === pid && this.#processes.isAlive(this.#app)) return;
    this.setApp(pid);
    this.save(owner);
  }

  /** Returns whether it is on disk. */
  save(owner: Owner | null): boolean {
    return this.write('STATE_NOT_SAVED', () => this.#owners.save({ owner, switches: this.#switches, app: this.#app }));
  }

  /** Anything else of the state directory. Returns whether it is on disk; health says so when it is not. */
  write(trouble: 'STATE_NOT_SAVED' | 'CONFIG_NOT_SAVED', write: () => void): boolean {
    try {
      write();
      this.#health.clear(trouble);
      return true;
    } catch (error) {
      this.#log.error('state could not be saved', { what: trouble, reason: String(error) });
      this.#health.raise(warningOf(trouble, { reason: causeOf(error) }));
      return false;
    }
  }
}
