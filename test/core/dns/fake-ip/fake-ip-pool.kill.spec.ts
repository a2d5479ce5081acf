/** kill -9 of the pool and its store again and again: what was answered is on disk, and no address ever means two names. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SqliteStateStore } from '../../../../core/state/sqlite-state-store.ts';
import { runs } from '../../../support/runs.ts';

const kills = runs(40).numRuns;
const names = 20_000;
const child = new URL('pool-child.ts', import.meta.url).pathname;

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-kill-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

const given = new Map<string, string>();
const owners = new Map<string, string>();

test(`${kills} kills while ${names} names are asked for`, async () => {
  // The compiled modules are kept only by a process that ends by itself.
  await once(start('first.db', 0), 'close');
  const figures = { hitOpen: 0, stored: 0, notStored: 0 };
  const isMeant = () => figures.hitOpen > kills / 10 && figures.notStored > 0;
  for (let i = 0; i < kills || (!isMeant() && i < 5 * kills); i++) {
    const { answers, open } = await askUntilKilled();
    for (const [name, address] of answers) {
      expect(given.get(name) ?? address, `${name} had another address before`).toBe(address);
      expect(owners.get(address) ?? name, `${address} meant another name before`).toBe(name);
      given.set(name, address);
      owners.set(address, name);
    }
    const table = tableNow();
    expect(new Set(table.values()).size).toBe(table.size);
    for (const [address, name] of owners)
      if (table.get(address) !== name) expect.fail(`${address} was lost with ${name}`);
    const stored = new Set(table.values());
    const fresh = open.filter((name) => !given.has(name));
    figures.hitOpen += Number(fresh.length > 0);
    for (const name of fresh) figures[stored.has(name) ? 'stored' : 'notStored'] += 1;
  }
  console.log(JSON.stringify({ ...figures, answered: given.size }));
  // Otherwise the moments were not what they are meant to be.
  expect(isMeant()).toBe(true);
});

function start(database: string, count: number): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, [child, path.join(directory, database), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: path.join(directory, 'modules') },
  });
}

/** Answers up to the death, and the names that had been asked for and were not answered. */
async function askUntilKilled(): Promise<{ answers: [name: string, address: string][]; open: string[] }> {
  const running = start('state.db', names);
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  running.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (timer === undefined && text.includes('=')) timer = setTimeout(() => killSoon(running.pid), Math.random() * 12);
  });
  await once(running, 'close');
  expect(running.signalCode, text).toBe('SIGKILL');
  const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
  const answers = lines.flatMap((line): [string, string][] => {
    const [name = '', address = ''] = line.slice(1).split(' ');
    return line.startsWith('=') ? [[name, address]] : [];
  });
  const lastAsked = lines.slice(lines.findLastIndex((line) => line.startsWith('=')) + 1);
  return { answers, open: lastAsked.map((line) => line.slice(1)) };
}

/** Not only at the beat of our own clock. */
function killSoon(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const at = performance.now() + Math.random(); performance.now() < at; );
  process.kill(pid, 'SIGKILL');
}

/** What is on disk, address to name, read from a copy. */
function tableNow(): Map<string, string> {
  const copy = path.join(directory, 'copy');
  fs.mkdirSync(copy);
  for (const file of ['state.db', 'state.db-wal']) fs.copyFileSync(path.join(directory, file), path.join(copy, file));
  const store = new SqliteStateStore(path.join(copy, 'state.db'), {
    now: Date.now,
    onSetAside: ({ reason }) => expect.fail(`the database is damaged: ${reason.code}`),
  });
  const rows = store.load();
  store.close();
  fs.rmSync(copy, { recursive: true });
  const table = new Map(rows.map((row) => [row.address, row.name]));
  expect(table.size, 'an address is there twice').toBe(rows.length);
  return table;
}
