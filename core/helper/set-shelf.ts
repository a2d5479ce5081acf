/**
 * The sets of the configuration in force, loaded from blobs in slices between which DNS is answered. A reload takes over those
 * that it names as well.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Steps } from '../base/steps.ts';
import type { SetConfig, SetTrouble } from '../contract/sets.ts';
import { BackgroundWork } from '../rpc/background-work.ts';
import type { RuleSet, RuleSets, SetContents } from '../rule/rule-set.ts';
import { readCanonicalSet } from '../rule/sets/set-reader.ts';
import { type BlobPart, type BlobStore, hasSha256 } from '../state/blob-store.ts';

type StoredBlobs = Pick<BlobStore, 'want' | 'put' | 'read' | 'keep' | 'forget'>;

/** Sets by name, and what they are made of. */
export class LoadedSets implements RuleSets {
  readonly contents = new Map<string, SetContents>();
  readonly #sets = new Map<string, RuleSet>();
  readonly #troubles = new Map<string, SetTrouble>();

  /** Whether one is missing whose blob was there once. */
  isDamaged = false;

  /** `contents` is `undefined` where it cannot be had. */
  add(set: SetConfig, contents: SetContents | undefined): void {
    if (contents === undefined) {
      this.#troubles.set(set.name, set.missing ?? 'NOT_READABLE');
      this.isDamaged ||= set.blob !== null;
      return;
    }
    this.contents.set(keyOf(set), contents);
    this.#sets.set(set.name, { ...contents, inverted: set.inverted === true });
  }

  get(name: string): RuleSet | undefined {
    return this.#sets.get(name);
  }

  trouble(name: string): SetTrouble {
    return this.#troubles.get(name) ?? 'UNDEFINED';
  }
}

export class SetShelf {
  readonly #blobs: StoredBlobs;
  readonly #work: BackgroundWork;
  readonly #log: Logger;
  #inForce = new LoadedSets();

  constructor(blobs: StoredBlobs, clock: Clock, log: Logger) {
    this.#blobs = blobs;
    this.#work = new BackgroundWork(clock, log);
    this.#log = log;
  }

  /** Whether the sets in force have to be loaded anew although nothing else of the configuration has changed. */
  get isDamaged(): boolean {
    return this.#inForce.isDamaged;
  }

  put(uid: number, part: BlobPart): Promise<boolean> {
    return this.#blobs.put(uid, part);
  }

  /** Blobs that these sets want and this user has not handed over, each once. Throws RPC_TOO_LARGE where they are too much. */
  lacking(uid: number, sets: readonly SetConfig[]): string[] {
    return this.#blobs.want(uid, blobsOf(sets));
  }

  /**
   * Loads them, as far as they are not in force. One whose blob is gone or damaged counts as NOT_READABLE, and its blob is
   * forgotten, so that the next `applyConfig` asks for it. Rejects with CONFIG_INVALID for one that is malformed.
   */
  async load(uid: number, sets: readonly SetConfig[]): Promise<LoadedSets> {
    const loaded = new LoadedSets();
    for (const set of sets) {
      const key = keyOf(set);
      const known = this.#inForce.contents.get(key) ?? loaded.contents.get(key);
      loaded.add(set, known ?? (await this.#loadOne(uid, set)));
    }
    return loaded;
  }

  /** These are in force now; blobs that the user's configuration does not name are removed. */
  use(uid: number, sets: readonly SetConfig[], loaded: LoadedSets): void {
    this.#inForce = loaded;
    this.#blobs.keep(uid, blobsOf(sets), true);
  }

  /** The configuration of a user who does not have it in force names these. */
  keep(uid: number, sets: readonly SetConfig[]): void {
    this.#blobs.keep(uid, blobsOf(sets), false);
  }

  async #loadOne(uid: number, set: SetConfig): Promise<SetContents | undefined> {
    const { blob, behavior } = set;
    if (blob === null) return undefined;
    const bytes = await this.#blobs.read(uid, blob);
    const contents = bytes && (await this.#inSlices(uid, loadSteps(bytes, blob, behavior)));
    if (contents !== undefined) return contents;
    this.#blobs.forget(uid, blob);
    this.#log.warning('a set is lost: its rules do not match until the profile is applied again', { set: set.name });
    return undefined;
  }

  #inSlices<T>(uid: number, steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#work.run(uid, steps, (outcome) => {
        if ('value' in outcome) resolve(outcome.value);
        else reject(AppError.from(outcome.error));
      });
    });
  }
}

function blobsOf(sets: readonly SetConfig[]): ReadonlySet<string> {
  return new Set(sets.flatMap(({ blob }) => blob ?? []));
}

function* loadSteps(bytes: Buffer, sha256: string, behavior: SetConfig['behavior']): Steps<SetContents | undefined> {
  if (!(yield* hasSha256(bytes, sha256))) return undefined;
  return yield* readCanonicalSet(bytes, behavior);
}

function keyOf({ blob, behavior }: SetConfig): string {
  return `${behavior} ${blob ?? ''}`;
}
