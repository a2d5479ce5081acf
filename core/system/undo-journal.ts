/**
 * What of the machine's network is changed and how it was before: on disk (fsync) before each change, removed after its
 * undo. It does not undo anything itself; those who make a change bring the undo with them.
 */
import fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AppError, errnoOf } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import { SerialQueue } from '../base/serial-queue.ts';
import type { NetworkChange } from '../contract/status.ts';
import { readRegularFile } from './regular-file.ts';
import {
  type NewUndoRecord,
  type Undoers,
  type UndoKind,
  type UndoRecord,
  type UndoRecordOf,
  undoRecordSchema,
} from './undo-record.ts';

export interface UndoJournalOptions {
  /** The journal's file; its directory must exist, be root's, and be on a disk that survives a power cut. */
  readonly path: string;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Called before every single effect on disk or system, with its name; tests die here. */
  readonly beforeStep?: (step: string) => void | Promise<void>;
}

/** A record has some hundred bytes, and there are at most a few thousand. */
const maxBytes = 16 * 1024 * 1024;

const fileSchema = z.strictObject({
  version: z.literal(1),
  next: z.number().int(),
  records: z.array(undoRecordSchema),
});

export class UndoJournal {
  /** Whether a journal was found that could not be read; it lies beside as `*.corrupt` and what it knew is lost. */
  readonly wasCorrupt: boolean;
  readonly #options: UndoJournalOptions;
  readonly #queue = new SerialQueue();
  #records: readonly UndoRecord[];
  #next: number;

  private constructor(options: UndoJournalOptions, read: { records: UndoRecord[]; next: number; corrupt: boolean }) {
    this.#options = options;
    this.#records = read.records;
    this.#next = read.next;
    this.wasCorrupt = read.corrupt;
  }

  /** Reads what an earlier process left. What cannot be read or understood is set aside and told in the log, never an error. */
  static async open(options: UndoJournalOptions): Promise<UndoJournal> {
    let reason = 'it is not understood';
    try {
      const text = readRegularFile(options.path, { maxBytes, followLinks: false }).toString('utf8');
      const parsed = fileSchema.safeParse(parseJson(text));
      if (parsed.success) return new UndoJournal(options, { ...parsed.data, corrupt: false });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return UndoJournal.unread(options);
      reason = String(error);
    }
    options.logger.error('the undo journal is corrupt and set aside', { path: options.path, reason });
    await setAside(options.path).catch((error: unknown) => {
      options.logger.error('the corrupt journal cannot be moved', { error: String(error) });
    });
    return new UndoJournal(options, { records: [], next: 1, corrupt: true });
  }

  /** Knows of nothing, whatever lies at the path: for who must not believe it. */
  static unread(options: UndoJournalOptions): UndoJournal {
    return new UndoJournal(options, { records: [], next: 1, corrupt: false });
  }

  /** The changes in force, oldest first, for people. */
  changes(): NetworkChange[] {
    return this.#records.map(toChange);
  }

  /** The records of one kind, oldest first. */
  of<K extends UndoKind>(kind: K): UndoRecordOf<K>[] {
    return this.#records.filter((record): record is UndoRecordOf<K> => record.kind === kind);
  }

  /** Returns when the records are on disk: only then may the changes be made. Rejects with `SYSTEM_JOURNAL_FAILED`. */
  record(changes: readonly NewUndoRecord[]): Promise<UndoRecord[]> {
    return this.#queue.run(async () => {
      const since = this.#options.now();
      const added = changes.map((change): UndoRecord => ({ ...change, id: String(this.#next++), since }));
      if (added.length > 0) await this.#persist([...this.#records, ...added]);
      return added;
    });
  }

  /** Exchanges a record's content under its id and time; on disk when it returns. */
  replace(id: string, change: NewUndoRecord): Promise<void> {
    return this.#queue.run(async () => {
      await this.#persist(
        this.#records.map((record): UndoRecord => (record.id === id ? { ...change, id, since: record.since } : record)),
      );
    });
  }

  /**
   * Removes records whose changes are undone (or were never made). Where that cannot be written (the disk is full), it is told
   * in the log: a record that stays on disk is undone once more by whoever reads it, and finds nothing of ours.
   */
  forget(ids: readonly string[]): Promise<void> {
    return this.#queue.run(async () => {
      const kept = this.#records.filter((record) => !ids.includes(record.id));
      if (kept.length === this.#records.length) return;
      await this.#persist(kept).catch((error: unknown) => {
        this.#options.logger.warning('the undo journal still has records of what is undone', { error: String(error) });
      });
      this.#records = kept;
    });
  }

  /**
   * Undoes everything, kind by kind in this order, and forgets it; a failure of one kind does not keep the others from
   * being undone. Answers what was in force. Rejects with `SYSTEM_JOURNAL_FAILED` after the last, with the records of
   * what failed kept for the next attempt.
   */
  async undoAll(undoers: Undoers, order: readonly UndoKind[]): Promise<NetworkChange[]> {
    const undone: UndoRecord[] = [];
    const failures: unknown[] = [];
    for (const kind of order) {
      try {
        undone.push(...(await this.#undo(kind, undoers)));
      } catch (error) {
        this.#options.logger.error('undo failed', { kind, error: String(error) });
        failures.push(error);
      }
    }
    // At once and last: on a full disk an empty journal can still be removed, a shorter one not be written.
    await this.forget(undone.map((record) => record.id));
    if (failures.length === 0) return undone.map(toChange);
    throw new AppError('SYSTEM_JOURNAL_FAILED', `not everything could be undone: ${failures.map(String).join('; ')}`, {
      cause: failures[0],
      expected: 'repair what the message names, then run the restore again',
    });
  }

  /** To be called right before each effect that a record stands for; tests die here. */
  async step(name: string): Promise<void> {
    await this.#options.beforeStep?.(name);
  }

  async #undo<K extends UndoKind>(kind: K, undoers: Undoers): Promise<UndoRecordOf<K>[]> {
    const records = this.of(kind);
    if (records.length > 0) await undoers[kind](records);
    return records;
  }

  async #persist(records: readonly UndoRecord[]): Promise<void> {
    const { path } = this.#options;
    try {
      if (records.length === 0) {
        // No new file, so that the last undo succeeds on a full disk too.
        await this.step('journal: remove');
        await fs.rm(path, { force: true });
      } else {
        await this.step('journal: write');
        const temporary = `${path}.new`;
        await fs.rm(temporary, { force: true, recursive: true });
        const file = await fs.open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(JSON.stringify({ version: 1, next: this.#next, records }));
          await this.step('journal: sync');
          await file.sync();
        } finally {
          await file.close();
        }
        await this.step('journal: rename');
        await fs.rename(temporary, path);
      }
      await this.step('journal: sync directory');
      await syncDirectory(dirname(path));
    } catch (error) {
      throw AppError.from(error, 'SYSTEM_JOURNAL_FAILED', `the undo journal ${path} cannot be written`);
    }
    this.#records = records;
  }
}

/** Whatever it is: a file, a directory, a FIFO. Of several only the last is kept. */
async function setAside(path: string): Promise<void> {
  await fs.rm(`${path}.corrupt`, { force: true, recursive: true });
  await fs.rename(path, `${path}.corrupt`);
}

/** Makes renames and removals in a directory durable (fsync(2) on the directory). */
async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function toChange(record: UndoRecord): NetworkChange {
  return { id: record.id, what: record.what, where: record.where, since: record.since };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
