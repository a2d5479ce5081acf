import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StoredMapping } from '../../../core/base/stored-mapping.ts';
import { maxChoices } from '../../../core/state/choice-store.ts';
import type { StoredRule } from '../../../core/state/rule-store.ts';
import { type SetAside, SqliteStateStore } from '../../../core/state/sqlite-state-store.ts';

import { fairClock } from '../../support/fair-clock.ts';

let directory: string;
let file: string;
let setAside: SetAside[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-state-'));
  file = path.join(directory, 'state.db');
  setAside = [];
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

const open = () =>
  new SqliteStateStore(file, { now: () => Date.UTC(2026, 0, 2, 3, 4, 5), onSetAside: (what) => setAside.push(what) });

/** Its row is told by the last number of its address. */
const mapping = (address: string, name: string, more: Partial<StoredMapping> = {}): StoredMapping => ({
  id: Number(address.split('.')[3]) + 256 * Number(address.split('.')[2]),
  address,
  name,
  client: 'uid:1000',
  firstSeen: 1_700_000_000_000,
  lastAnswered: 1_700_000_000_001,
  lastConnected: 0,
  answers: 1,
  flows: 0,
  outcome: '',
  pinned: false,
  retired: false,
  former: '',
  formerUntil: 0,
  ...more,
});

describe('mappings', () => {
  test('are there after closing and opening, whole', () => {
    const first = open();
    const rows = [
      mapping('198.18.0.5', 'a.example', { outcome: 'DIAL_REFUSED', flows: 3 }),
      mapping('198.18.0.6', 'b.example'),
    ];
    for (const row of rows) first.put([row]);
    first.close();
    const second = open();
    expect(second.load()).toEqual(rows);
    second.close();
    expect(setAside).toEqual([]);
  });

  test('an address means what was put last; statistics for a former name change nothing', () => {
    const store = open();
    store.put([mapping('198.18.0.5', 'old.example')]);
    store.put([mapping('198.18.0.5', 'new.example')]);
    store.updateStatistics([
      mapping('198.18.0.5', 'old.example', { answers: 99 }),
      mapping('198.18.0.9', 'never.example', { answers: 99 }),
    ]);
    expect(store.load()).toEqual([mapping('198.18.0.5', 'new.example')]);
    store.updateStatistics([
      mapping('198.18.0.5', 'new.example', { answers: 7, lastConnected: 5, flows: 1, outcome: 'ok' }),
    ]);
    expect(store.load()).toEqual([
      mapping('198.18.0.5', 'new.example', { answers: 7, lastConnected: 5, flows: 1, outcome: 'ok' }),
    ]);
    store.remove([5, 77]);
    expect(store.load()).toEqual([]);
    store.close();
  });

  test('of one put are stored all or none', () => {
    const store = open();
    // @ts-expect-error -- what the table refuses
    expect(() => store.put([mapping('198.18.0.5', 'a.example'), mapping('198.18.0.6', null)])).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_STORE' }),
    );
    expect(store.load()).toEqual([]);
    store.close();
  });

  test('numbers of rows go on after closing and opening; ranges are kept in order', () => {
    const first = open();
    first.put([
      mapping('198.18.0.5', 'a.example', { id: first.newId() }),
      mapping('198.18.0.6', 'b.example', { id: 7 }),
    ]);
    for (const range of ['198.18.0.0/15', '10.1.0.0/16', '198.18.0.0/15']) first.addRange(range);
    first.close();
    const second = open();
    expect(second.newId()).toBe(8);
    expect(second.ranges()).toEqual(['198.18.0.0/15', '10.1.0.0/16']);
    second.removeRange('198.18.0.0/15');
    expect(second.ranges()).toEqual(['10.1.0.0/16']);
    second.close();
  });

  test('the file is its owner alone to read', () => {
    const store = open();
    store.put([mapping('198.18.0.5', 'a.example')]);
    for (const name of fs.readdirSync(directory)) {
      expect(fs.statSync(path.join(directory, name)).mode & 0o777, name).toBe(0o600);
    }
    store.close();
  });

  test('after close, writing is an error with a code; closing again is not', () => {
    const store = open();
    store.close();
    store.close();
    expect(() => store.put([mapping('198.18.0.5', 'a.example')])).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_STORE' }),
    );
  });

  test('what put returned from is there after kill -9', async () => {
    const url = (name: string) => new URL(`../../../core/state/${name}`, import.meta.url).href;
    const script = `
      import { SqliteStateStore } from ${JSON.stringify(url('sqlite-state-store.ts'))};
      const store = new SqliteStateStore(${JSON.stringify(file)}, { now: Date.now, onSetAside: () => process.exit(3) });
      if (store.load().length % 3 !== 0) process.exit(4); // half a commit
      for (let i = store.load().length / 3; ; i++) {
        store.put([0, 1, 2].map((n) => ({ id: store.newId(), address: 'address-' + (3 * i + n), name: 'name-' + (3 * i + n), client: '', firstSeen: 1, lastAnswered: 1, lastConnected: 0, answers: 1, flows: 0, outcome: '', pinned: false, retired: false, former: '', formerUntil: 0 })));
        if (i % 500 === 0) (await import('node:fs')).writeSync(1, i + '\\n');
      }`;
    let seen = -1;
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const until = seen + 1_000 + round * 731;
      let text = '';
      for await (const chunk of child.stdout) {
        text += String(chunk);
        seen = Math.max(seen, ...text.slice(0, text.lastIndexOf('\n')).split('\n').map(Number));
        if (seen >= until) break;
      }
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
      const store = open();
      const rows = new Map(store.load().map((row) => [row.address, row.name]));
      store.close();
      expect(rows.size).toBeGreaterThan(3 * seen);
      expect(rows.size % 3).toBe(0);
      for (let i = 0; i <= 3 * seen; i++) expect(rows.get(`address-${i}`)).toBe(`name-${i}`);
    }
    expect(setAside).toEqual([]);
  });

  test('131,072 mappings load in linear time', () => {
    const store = open();
    store.close();
    const database = new DatabaseSync(file);
    database.exec('BEGIN');
    const insert = database.prepare("INSERT INTO mapping VALUES (NULL, ?, ?, '', 1, 2, 3, 4, 5, ?, 0, 0, '', 0)");
    for (let i = 0; i < 131_072; i++)
      insert.run(`198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, `host-${i}.example.com`, 'ok');
    database.exec('COMMIT');
    database.close();
    const begun = fairClock.monotonic();
    const again = open();
    expect(again.load()).toHaveLength(131_072);
    expect(fairClock.monotonic() - begun).toBeLessThan(5_000);
    again.close();
  });
});

describe('what is known of rules', () => {
  const noted = (key: string, change: Partial<StoredRule> = {}): StoredRule => ({
    key,
    off: false,
    hits: 1,
    misses: 2,
    ...change,
  });

  test('is by user and profile, and there again without a word at the end', () => {
    const store = open();
    store.ruleNotes.noteRules(1000, 'p', [
      noted('0:MATCH,DIRECT'),
      noted('1:MATCH,DIRECT', { off: true, hits: 0, misses: 0 }),
    ]);
    store.ruleNotes.noteRules(1000, 'q', [noted('0:MATCH,DIRECT', { hits: 7 })]);
    store.ruleNotes.noteRules(1000, 'p', [noted('0:MATCH,DIRECT', { hits: 0, misses: 0 })]);
    store.ruleNotes.noteProfile(1000, 'p');
    store.ruleNotes.noteProfile(1000, 'q');
    const again = reopened(store);
    expect(again.ruleNotes.rules(1000, 'p')).toEqual([noted('1:MATCH,DIRECT', { off: true, hits: 0, misses: 0 })]);
    expect(again.ruleNotes.rules(1000, 'q')).toEqual([noted('0:MATCH,DIRECT', { hits: 7 })]);
    expect(again.ruleNotes.rules(1001, 'p')).toEqual([]);
    expect([again.ruleNotes.profileOf(1000), again.ruleNotes.profileOf(1001)]).toEqual(['q', '']);
    again.close();
  });

  test('of one user has a bound: what was noted first goes', () => {
    const store = open();
    const some = (from: number) =>
      Array.from({ length: 8_000 }, (_, i) => noted(`0:DOMAIN,n${from + i}.example,DIRECT`));
    store.ruleNotes.noteRules(1001, 'p', some(0).slice(0, 10));
    for (const profile of ['a', 'b', 'c']) store.ruleNotes.noteRules(1000, profile, some(0));
    const counts = ['a', 'b', 'c'].map((profile) => store.ruleNotes.rules(1000, profile).length);
    expect(counts).toEqual([4_000, 8_000, 8_000]);
    expect(store.ruleNotes.rules(1000, 'a')[0]?.key).toContain('n4000.');
    expect(store.ruleNotes.rules(1001, 'p')).toHaveLength(10);
    store.close();
  });

  /** As after a death: nothing is closed in order. */
  function reopened(store: ReturnType<typeof open>): ReturnType<typeof open> {
    store.close();
    return open();
  }
});

describe('choices in groups', () => {
  test('are of one user, and there again without a word at the end', () => {
    const store = open();
    store.choose(1000, 'g', 'a');
    store.choose(1000, 'h', 'x');
    store.choose(1000, 'g', 'b');
    store.choose(1001, 'g', 'c');
    store.choose(1000, 'h', null);
    expect([...store.choices(1000)]).toEqual([['g', 'b']]);
    store.close();
    const again = open();
    expect([...again.choices(1000)]).toEqual([['g', 'b']]);
    expect([...again.choices(1001)]).toEqual([['g', 'c']]);
    expect(again.lostAt).toBe(0);
    again.close();
  });

  test('of very many the oldest are forgotten', () => {
    open().close();
    // Each choice is on disk when it is made: so many at once are written around the store.
    const raw = new DatabaseSync(file);
    raw.exec('BEGIN');
    const insert = raw.prepare('INSERT INTO choice VALUES (?, ?, ?)');
    for (let i = 0; i < maxChoices; i++) insert.run(1000, `g${i}`, 'a');
    raw.exec('COMMIT');
    raw.close();
    const store = open();
    for (let i = maxChoices; i < maxChoices + 3; i++) store.choose(1000, `g${i}`, 'a');
    const kept = [...store.choices(1000).keys()];
    expect(kept).toHaveLength(maxChoices);
    expect(kept[0]).toBe('g3');
    store.close();
  });
});

describe('a database that cannot be used', () => {
  const aside = () => `${file}.unusable-2026-01-02T03-04-05`;

  test('that is no database is set aside, kept and reported', () => {
    fs.writeFileSync(file, 'this is not a database at all, but long enough to be looked at'.repeat(100));
    const store = open();
    store.put([mapping('198.18.0.5', 'a.example')]);
    expect(store.load()).toHaveLength(1);
    store.close();
    expect(setAside).toEqual([{ path: aside(), reason: { code: 'FILE_DAMAGED', values: {} } }]);
    expect(fs.readFileSync(aside(), 'utf8')).toContain('this is not a database');
  });

  test('that is damaged inside is set aside; a second one does not overwrite the first', () => {
    for (const expected of [aside(), `${aside()}-2`]) {
      const store = open();
      for (let i = 0; i < 2_000; i++) store.put([mapping(`198.18.${i >> 8}.${i & 255}`, `name-${i}.example`)]);
      store.close();
      const handle = fs.openSync(file, 'r+');
      fs.writeSync(handle, Buffer.alloc(8_192, 0xa5), 0, 8_192, 12_288);
      fs.closeSync(handle);
      const next = open();
      expect(next.load()).toEqual([]);
      next.close();
      expect(setAside.at(-1)?.path).toBe(expected);
      expect(fs.existsSync(expected)).toBe(true);
      fs.rmSync(file);
    }
  });

  test.each([
    ['of a newer version', 'PRAGMA user_version = 99', 'FILE_OTHER_VERSION'],
    ['of something else', 'CREATE TABLE other (x); PRAGMA user_version = 0', 'FILE_OTHER_VERSION'],
    ['of the right version without the table', 'PRAGMA user_version = 2', 'FILE_DAMAGED'],
    ['of the version before without the table', 'PRAGMA user_version = 1', 'FILE_DAMAGED'],
  ])('%s is set aside', (_, sql, code) => {
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
    open().close();
    expect(setAside).toEqual([{ path: aside(), reason: { code, values: {} } }]);
  });

  test('of the version before is taken over whole; it was no loss', () => {
    const database = new DatabaseSync(file);
    database.exec(`CREATE TABLE mapping (address TEXT PRIMARY KEY, name TEXT NOT NULL, first_seen INTEGER NOT NULL,
      last_answered INTEGER NOT NULL, last_connected INTEGER NOT NULL, answers INTEGER NOT NULL, flows INTEGER NOT NULL,
      outcome TEXT NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO mapping VALUES ('198.18.0.9', 'b.example', 7, 8, 9, 10, 11, 'ok'), ('198.18.0.5', 'a.example', 1, 2, 3, 4, 5, '');
      PRAGMA user_version = 1;`);
    database.close();
    const store = open();
    expect(store.load()).toMatchObject([
      { id: 1, address: '198.18.0.5', name: 'a.example', client: '', firstSeen: 1, answers: 4, pinned: false },
      { id: 2, address: '198.18.0.9', name: 'b.example', lastConnected: 9, flows: 11, outcome: 'ok', formerUntil: 0 },
    ]);
    expect([store.newId(), store.lostAt, setAside]).toEqual([3, 0, []]);
    store.close();
  });

  test('that is a directory is set aside with what is in it', () => {
    fs.mkdirSync(file);
    fs.writeFileSync(path.join(file, 'note'), 'kept');
    const store = open();
    store.put([mapping('198.18.0.5', 'a.example')]);
    store.close();
    expect(setAside).toEqual([{ path: aside(), reason: { code: 'FILE_IS_DIRECTORY', values: {} } }]);
    expect(fs.readFileSync(path.join(aside(), 'note'), 'utf8')).toBe('kept');
  });

  test('a directory that is not there is an error with a code, and nothing is set aside', () => {
    file = path.join(directory, 'missing', 'state.db');
    expect(open).toThrow(expect.objectContaining({ code: 'FAKE_IP_STORE' }));
    expect(setAside).toEqual([]);
  });
});

describe('a machine that went down without a word', () => {
  const openIn = (boot: string, time: number) =>
    new SqliteStateStore(file, { now: () => time, boot, onSetAside: (what) => setAside.push(what) });
  /** What is on disk while the store is open: as a power cut or a kill leaves it. */
  const leave = (store: SqliteStateStore): void => {
    const copies = ['', '-wal'].map((suffix) => [file + suffix, fs.readFileSync(file + suffix)] as const);
    store.close();
    for (const [name, bytes] of copies) fs.writeFileSync(name, bytes);
  };

  test('may have lost the newest names: a loss, known from then on', () => {
    leave(openIn('first', 1_000));
    const store = openIn('second', 2_000);
    expect(store.lostAt).toBe(2_000);
    store.close();
    const next = openIn('third', 3_000);
    expect(next.lostAt).toBe(2_000);
    next.close();
  });

  test('kill -9 in the same run of the machine is none, nor is an orderly end', () => {
    leave(openIn('first', 1_000));
    const store = openIn('first', 2_000);
    expect(store.lostAt).toBe(0);
    store.close();
    const next = openIn('second', 3_000);
    expect(next.lostAt).toBe(0);
    next.close();
  });
});
