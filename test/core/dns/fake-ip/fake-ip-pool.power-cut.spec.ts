/**
 * What a power cut may lose: the end of SQLite's write-ahead log, which is on the disk up to some point, with anything behind it.
 * The table is then what it was at some earlier moment, and a name that is asked for again gets the address it had, unless it
 * had met another name at its place.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { numberToIpv4 } from '../../../../core/base/address.ts';
import { SqliteStateStore } from '../../../../core/state/sqlite-state-store.ts';
import { namesThatMet } from './names-that-met.ts';
import { makePool, testKey } from './pool-fixture.ts';

/** Small, so that many names meet. */
const range = '198.18.0.0/20';
const names = Array.from({ length: 3_000 }, (_, i) => `n${i}.example`);
/** Two, for none may have more than half. */
const clientOf = (name: string): string => (/[02468]\./.test(name) ? '192.0.2.1' : '192.0.2.2');

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-power-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

const open = (file: string) =>
  new SqliteStateStore(path.join(directory, file), {
    now: () => 1_700_000_000_000,
    onSetAside: ({ reason }) => expect.fail(`the database is damaged: ${reason.code}`),
  });
const randomBelow = (limit: number): number => Math.floor(Math.random() * limit);
const shuffled = <T>(values: readonly T[]): T[] =>
  values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);

test('the log is lost from any point on: an earlier table, and only names that met another one can move', () => {
  const store = open('state.db');
  const pool = makePool(store, { range });
  const given = new Map<string, string>();
  /** How many names were known after each commit. */
  const moments = [0];
  while (given.size < names.length) {
    const group = names.slice(given.size, given.size + 1 + randomBelow(20));
    const answers = pool.allocateAll(group.map((name) => ({ name, client: clientOf(name) })));
    for (const [i, name] of group.entries()) given.set(name, numberToIpv4(Number(answers[i])));
    moments.push(given.size);
  }
  const database = fs.readFileSync(path.join(directory, 'state.db'));
  const log = fs.readFileSync(path.join(directory, 'state.db-wal'));
  store.close();
  const met = namesThatMet(given, testKey, range);
  expect(met.size).toBeGreaterThan(1_000);

  const figures = { cuts: 0, lost: 0, moved: 0 };
  for (let i = 0; i < 30; i++) {
    fs.writeFileSync(path.join(directory, 'cut.db'), database);
    fs.writeFileSync(path.join(directory, 'cut.db-wal'), damaged(log, i % 3));
    const after = open('cut.db');
    const table = after.load();
    expect(moments).toContain(table.length);
    expect(new Map(table.map((row) => [row.name, row.address]))).toEqual(new Map([...given].slice(0, table.length)));
    const again = makePool(after, { range });
    const lost = shuffled(names.slice(table.length));
    const moved = lost.filter((name) => again.allocate(name, clientOf(name)) !== given.get(name));
    expect(moved.filter((name) => !met.has(name))).toEqual([]);
    for (const name of names.slice(0, table.length)) expect(again.find(name)?.address).toBe(given.get(name));
    figures.cuts += 1;
    figures.lost += lost.length;
    figures.moved += moved.length;
    after.close();
    for (const suffix of ['', '-wal']) fs.rmSync(path.join(directory, `cut.db${suffix}`), { force: true });
  }
  console.log(JSON.stringify({ ...figures, met: met.size }));
  expect(figures.lost).toBeGreaterThan(0);
  expect(figures.moved).toBeGreaterThan(0);
});

/** Short; or of full length with nothing behind a point; or with one page that had not been written. */
function damaged(log: Buffer, how: number): Buffer {
  const at = randomBelow(log.length);
  if (how === 0) return log.subarray(0, at);
  const copy = Buffer.from(log);
  return copy.fill(0, at, how === 1 ? copy.length : at + 4_096);
}
