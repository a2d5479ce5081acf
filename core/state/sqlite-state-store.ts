/**
 * Mappings in SQLite (node:sqlite, WAL). What `put` has written survives kill -9 of the process; a power cut may lose the
 * last moments (synchronous=NORMAL). A database that cannot be used is set aside under a new name, never deleted.
 */
import fs from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { AppError } from '../base/app-error.ts';
import { causeOf } from '../base/cause-of.ts';
import type { StoredMapping } from '../base/stored-mapping.ts';
import type { Cause } from '../contract/causes.ts';
import { type ChoiceStore, maxChoices } from './choice-store.ts';
import { ruleTables, SqliteRuleStore } from './sqlite-rule-store.ts';
import type { MappingStore } from './state-store.ts';

export interface SetAside {
  /** Where the unusable database is now. */
  readonly path: string;
  readonly reason: Cause;
}

export interface SqliteStateStoreOptions {
  /** Unix time in milliseconds. */
  now(): number;
  /** Whether there must have been a database before: a new one then means that the table was lost. */
  readonly isOldInstall?: boolean;
  /**
   * Names this run of the machine. A database that an earlier run did not close may have lost its end by a power cut; that counts
   * as a loss of the table. Without it nobody looks.
   */
  readonly boot?: string;
  /** The database was unusable and a new one was begun. */
  onSetAside(what: SetAside): void;
}

/** Kept in `PRAGMA user_version`. */
const schemaVersion = 2;
/** For this process alone: no shared memory file, and a second helper is refused instead of interleaved. */
const settings = 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;';
/** Rows by their number, not by address: new ones fill the same page one after the other, and a commit writes few pages. */
const mappingTable = `
  CREATE TABLE mapping (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    client TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_answered INTEGER NOT NULL,
    last_connected INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    flows INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    pinned INTEGER NOT NULL,
    retired INTEGER NOT NULL,
    former TEXT NOT NULL,
    former_until INTEGER NOT NULL
  ) STRICT;
`;
const otherTables = `
  CREATE TABLE range (prefix TEXT PRIMARY KEY) STRICT;
  CREATE TABLE loss (at INTEGER NOT NULL) STRICT;
  PRAGMA user_version = ${schemaVersion};
  COMMIT;
`;
/** From version 1, whose rows were by address. */
const migration = `
  BEGIN;
  ALTER TABLE mapping RENAME TO old;
  ${mappingTable}
  INSERT INTO mapping SELECT row_number() OVER (ORDER BY first_seen), address, name, '', first_seen, last_answered,
    last_connected, answers, flows, outcome, 0, 0, '', 0 FROM old;
  DROP TABLE old;
  ${otherTables}
`;
const columns =
  'id, address, name, client, first_seen, last_answered, last_connected, answers, flows, outcome, pinned, retired, former, former_until';

/** The run of the machine that has the database open; empty once it is closed. On disk before anything else is written. */
const openTable = 'CREATE TABLE IF NOT EXISTS open_by (boot TEXT NOT NULL) STRICT;';

/** Besides what earlier helpers of version 2 know, who pass it over. */
const choiceTable = `CREATE TABLE IF NOT EXISTS choice (
  uid INTEGER NOT NULL, policy TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (uid, policy)
) STRICT;`;

export class SqliteStateStore implements MappingStore, ChoiceStore {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #update: StatementSync;
  readonly #remove: StatementSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #notesBoot: boolean;
  /** What is known of rules. */
  readonly ruleNotes: SqliteRuleStore;
  readonly lostAt: number;
  #lastId: number;

  /** Opens or creates the file (0600) for this process alone. Throws FAKE_IP_STORE when neither is possible. */
  constructor(path: string, options: SqliteStateStoreOptions) {
    this.#database = openOrReplace(path, options);
    this.#notesBoot = options.boot !== undefined;
    this.ruleNotes = new SqliteRuleStore(this.#database, {
      attempt,
      inOneTransaction: (work) => this.#inOneTransaction(work),
    });
    const number = (sql: string) => attempt(() => Number(onlyValue(this.#database, sql) ?? 0));
    this.lostAt = number('SELECT max(at) FROM loss');
    this.#lastId = number('SELECT max(id) FROM mapping');
    this.#put = this.#database.prepare(
      `INSERT OR REPLACE INTO mapping (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = this.#database.prepare(
      `UPDATE mapping SET last_answered = ?, last_connected = ?, answers = ?, flows = ?, outcome = ?, pinned = ?, retired = ?
       WHERE id = ? AND name = ?`,
    );
    this.#remove = this.#database.prepare('DELETE FROM mapping WHERE id = ?');
    this.#begin = this.#database.prepare('BEGIN');
    this.#commit = this.#database.prepare('COMMIT');
    this.#rollback = this.#database.prepare('ROLLBACK');
  }

  load(): StoredMapping[] {
    return attempt(() => {
      const rows = this.#database.prepare(`SELECT ${columns} FROM mapping`);
      rows.setReturnArrays(true);
      const mappings: StoredMapping[] = [];
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types understate setReturnArrays; the table is STRICT
      for (const row of rows.iterate() as unknown as Iterable<Row>) {
        mappings.push({
          id: row[0],
          address: row[1],
          name: row[2],
          client: row[3],
          firstSeen: row[4],
          lastAnswered: row[5],
          lastConnected: row[6],
          answers: row[7],
          flows: row[8],
          outcome: row[9],
          pinned: row[10] === 1,
          retired: row[11] === 1,
          former: row[12],
          formerUntil: row[13],
        });
      }
      return mappings;
    });
  }

  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  put(mappings: readonly StoredMapping[]): void {
    this.#inOneTransaction(() => {
      for (const mapping of mappings) {
        this.#put.run(
          mapping.id,
          mapping.address,
          mapping.name,
          mapping.client,
          mapping.firstSeen,
          ...statisticsOf(mapping),
          mapping.former,
          mapping.formerUntil,
        );
      }
    });
  }

  updateStatistics(mappings: readonly StoredMapping[]): void {
    this.#inOneTransaction(() => {
      for (const mapping of mappings) {
        this.#update.run(...statisticsOf(mapping), mapping.id, mapping.name);
      }
    });
  }

  remove(ids: readonly number[]): void {
    this.#inOneTransaction(() => {
      for (const id of ids) this.#remove.run(id);
    });
  }

  ranges(): string[] {
    return attempt(() =>
      this.#database
        .prepare('SELECT prefix FROM range ORDER BY rowid')
        .all()
        .map((row) => String(row['prefix'])),
    );
  }

  addRange(range: string): void {
    attempt(() => this.#database.prepare('INSERT OR IGNORE INTO range VALUES (?)').run(range));
  }

  removeRange(range: string): void {
    attempt(() => this.#database.prepare('DELETE FROM range WHERE prefix = ?').run(range));
  }

  choices(uid: number): Map<string, string> {
    return attempt(() => {
      const rows = this.#database.prepare('SELECT policy, member FROM choice WHERE uid = ? ORDER BY rowid').all(uid);
      return new Map(rows.map((row) => [String(row['policy']), String(row['member'])]));
    });
  }

  choose(uid: number, group: string, member: string | null): void {
    this.#inOneTransaction(() => {
      this.#database.prepare('DELETE FROM choice WHERE uid = ? AND policy = ?').run(uid, group);
      if (member === null) return;
      this.#database.prepare('INSERT INTO choice VALUES (?, ?, ?)').run(uid, group, member);
      this.#database
        .prepare(
          `DELETE FROM choice WHERE uid = ? AND rowid <=
             (SELECT rowid FROM choice WHERE uid = ? ORDER BY rowid DESC LIMIT 1 OFFSET ?)`,
        )
        .run(uid, uid, maxChoices);
    });
  }

  /** Idempotent; later calls of the other methods throw FAKE_IP_STORE. */
  close(): void {
    if (!this.#database.isOpen) return;
    try {
      if (this.#notesBoot) this.#database.exec('DELETE FROM open_by');
    } finally {
      this.#database.close();
    }
  }

  #inOneTransaction(work: () => void): void {
    attempt(() => {
      this.#begin.run();
      try {
        work();
        this.#commit.run();
      } catch (error) {
        if (this.#database.isTransaction) this.#rollback.run();
        throw error;
      }
    });
  }
}

type Row = [
  number,
  string,
  string,
  string,
  number,
  number,
  number,
  number,
  number,
  string,
  number,
  number,
  string,
  number,
];

/** A database that is no database, damaged or of another version: such a file is set aside. */
class UnusableDatabase extends Error {
  readonly why: Cause;

  constructor(message: string, why: Cause) {
    super(message);
    this.why = why;
  }
}

function openOrReplace(path: string, options: SqliteStateStoreOptions): DatabaseSync {
  try {
    return open(path, options, options.isOldInstall === true);
  } catch (error) {
    if (!(error instanceof UnusableDatabase)) throw storeError(error);
    const aside = attempt(() => setAside(path, options.now()));
    options.onSetAside({ path: aside, reason: error.why });
    return attempt(() => open(path, options, true));
  }
}

/** `isLoss`: a database that has to be made stands for one that is gone. */
function open(path: string, options: SqliteStateStoreOptions, isLoss: boolean): DatabaseSync {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new UnusableDatabase('is a directory', { code: 'FILE_IS_DIRECTORY', values: {} });
  // Created with its final mode: SQLite gives its own files the mode of the database.
  fs.closeSync(fs.openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: 2_000 });
  try {
    database.exec(settings);
    const version = onlyValue(database, 'PRAGMA user_version');
    const tables = onlyValue(database, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
    if (version === 0 && tables === 0) {
      database.exec(`BEGIN; ${mappingTable} ${otherTables}`);
      if (isLoss) database.prepare('INSERT INTO loss VALUES (?)').run(options.now());
    } else if (version === 1) database.exec(migration);
    else if (version !== schemaVersion)
      throw new UnusableDatabase(`has version ${String(version)}, not ${schemaVersion}`, {
        code: 'FILE_OTHER_VERSION',
        values: {},
      });
    const check = onlyValue(database, 'PRAGMA quick_check(1)');
    if (check !== 'ok') throw new UnusableDatabase(String(check), { code: 'FILE_DAMAGED', values: {} });
    database.exec(choiceTable + ruleTables);
    if (options.boot !== undefined) noteBoot(database, options.boot, options.now());
    database.prepare(`SELECT ${columns}, prefix, at FROM mapping, range, loss`);
    return database;
  } catch (error) {
    database.close();
    throw isDamage(error) ? new UnusableDatabase(messageOf(error), causeOf(error)) : error;
  }
}

function noteBoot(database: DatabaseSync, boot: string, now: number): void {
  database.exec(`PRAGMA synchronous = FULL; BEGIN; ${openTable}`);
  const earlier = onlyValue(database, 'SELECT boot FROM open_by');
  if (earlier !== undefined && earlier !== boot) database.prepare('INSERT INTO loss VALUES (?)').run(now);
  database.exec('DELETE FROM open_by');
  database.prepare('INSERT INTO open_by VALUES (?)').run(boot);
  database.exec('COMMIT; PRAGMA synchronous = NORMAL;');
}

function onlyValue(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0];
}

/** Result codes of SQLite (https://www.sqlite.org/rescode.html): ERROR (a foreign schema), CORRUPT and NOTADB. */
function isDamage(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'errcode' in error ? Number(error.errcode) & 0xff : -1;
  return code === 1 || code === 11 || code === 26;
}

/** Renames the database and its write-ahead log, which belong together. */
function setAside(path: string, now: number): string {
  const stamp = new Date(now)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(':', '-');
  let aside = `${path}.unusable-${stamp}`;
  for (let i = 2; fs.existsSync(aside); i++) aside = `${path}.unusable-${stamp}-${i}`;
  fs.renameSync(path, aside);
  for (const suffix of ['-wal', '-shm', '-journal']) {
    if (fs.existsSync(path + suffix)) fs.renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error);
  }
}

const storeError = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError('FAKE_IP_STORE', `the mapping database failed: ${messageOf(error)}`, {
        cause: error,
        expected: 'a writable state directory with free space',
      });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What of a mapping changes, in the order of its columns. */
function statisticsOf(mapping: StoredMapping): (number | string)[] {
  const { lastAnswered, lastConnected, answers, flows, outcome, pinned, retired } = mapping;
  return [lastAnswered, lastConnected, answers, flows, outcome, Number(pinned), Number(retired)];
}
