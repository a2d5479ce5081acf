/** The helper dies at any moment while names are asked for, or its table is lost or damaged: no address comes to mean another name. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { SqliteStateStore } from '../../../core/state/sqlite-state-store.ts';
import { namesThatMet } from '../../core/dns/fake-ip/names-that-met.ts';
import { DnsAsker } from '../../support/dns-asker.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const kills = 30;
const names = Array.from({ length: 20_000 }, (_, i) => `n${i}.example`);
/** Without a line for every question. */
const quiet = profile(['MATCH,dante']).replace('log-level: debug', 'log-level: warning');

describeInLab('the table of names when the helper dies', () => {
  let world: World;
  let mirage: Mirage;
  let asker: DnsAsker;
  /** Every answer there was. */
  const given = new Map<string, string>();
  const owners = new Map<string, string>();

  const note = (name: string, address: string): void => {
    expect(address, name).toMatch(/^198\.1[89]\./);
    expect(given.get(name) ?? address, `${name} had another address before`).toBe(address);
    expect(owners.get(address) ?? name, `${address} meant another name before`).toBe(name);
    given.set(name, address);
    owners.set(address, name);
  };
  /** What is on disk now, to be looked at while the next helper starts. */
  const copyOfTable = (): string => {
    const directory = fs.mkdtempSync(path.join(world.lab.directory, 'copy-'));
    for (const file of ['state.db', 'state.db-wal'])
      if (fs.existsSync(`${mirage.stateDir}/${file}`))
        fs.copyFileSync(`${mirage.stateDir}/${file}`, `${directory}/${file}`);
    return directory;
  };
  const tableOf = (directory: string): Map<string, string> => {
    const store = new SqliteStateStore(`${directory}/state.db`, {
      now: Date.now,
      onSetAside: ({ reason }) => expect.fail(`the database is damaged: ${reason.code}`),
    });
    const table = new Map(store.load().map((row) => [row.address, row.name]));
    store.close();
    fs.rmSync(directory, { recursive: true });
    return table;
  };

  beforeAll(async () => {
    world = await World.create();
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(quiet);
    await mirage.kill9();
    asker = new DnsAsker(world.client, { patience: 250 });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test(`kill -9, ${kills} times: what was answered is on disk, and no address means two names`, async () => {
    const figures = { answered: 0, hitOpen: 0, hitNew: 0, stored: 0, notStored: 0, duringStart: 0 };
    await asker.stream('n');
    mirage.launch();
    for (let i = 0; i < kills; i++) {
      await asker.allow(((i + 1) * names.length) / kills);
      if (i % 5 === 4) {
        figures.duringStart += 1;
        await sleep(Math.random() * 350);
      } else {
        await asker.nextAnswer();
        await sleep(Math.random() * 90);
      }
      await mirage.kill9();
      const { news, open, openFresh, answered } = await asker.news();
      const copy = copyOfTable();
      mirage.launch();
      for (const [name, address] of news) note(`n${name}.example`, address);
      const table = tableOf(copy);
      for (const [name, address] of given) expect(table.get(address), `${address} on disk`).toBe(name);
      expect(new Set(table.values()).size).toBe(table.size);
      const stored = new Set(table.values());
      const unanswered = openFresh.map((name) => stored.has(`n${name}.example`));
      figures.answered = answered;
      figures.hitOpen += Number(i % 5 !== 4 && open > 0);
      figures.hitNew += Number(i % 5 !== 4 && openFresh.length > 0);
      figures.stored += unanswered.filter(Boolean).length;
      figures.notStored += unanswered.filter((is) => !is).length;
    }
    await asker.endStream();
    console.log(JSON.stringify({ ...figures, names: given.size }));
    // Otherwise the moments were not what they are meant to be.
    expect(figures.hitNew).toBeGreaterThan(kills / 4);
    expect(figures.notStored).toBeGreaterThan(0);
  });

  test('afterwards all 20,000 have one address each, which is theirs by name, by PTR and in the table', async () => {
    const { answers } = await asker.ask(names);
    for (const [i, name] of names.entries()) note(name, answers[i] ?? '');
    const pointers = await asker.ask([...owners.keys()].map(reverse), 'PTR');
    expect(pointers.answers).toEqual([...owners.values()]);
    const rows = JSON.parse((await mirage.cli('dump', 'fake-ip', '-n', '100000', '--json')).stdout) as {
      address: string;
      name: string;
    }[];
    expect(new Map(rows.map((row) => [row.address, row.name]))).toEqual(owners);
  });

  test('the table lost: the same addresses are in use again, and only names that had met another one may have moved', async () => {
    await mirage.kill9();
    for (const suffix of ['', '-wal']) fs.rmSync(`${mirage.stateDir}/state.db${suffix}`);
    mirage.launch();
    const shuffled = names.map((name) => ({ name, at: Math.random() })).sort((a, b) => a.at - b.at);
    const { answers } = await asker.ask(shuffled.map(({ name }) => name));
    const key = fs.readFileSync(`${mirage.stateDir}/fake-ip.key`);
    const met = namesThatMet(given, key, '198.18.0.0/15');
    const moved = shuffled.filter(({ name }, i) => given.get(name) !== answers[i]).map(({ name }) => name);
    console.log(JSON.stringify({ names: names.length, met: met.size, moved: moved.length }));
    expect(new Set(answers)).toEqual(new Set(given.values()));
    expect(moved.filter((name) => !met.has(name))).toEqual([]);
    expect(moved.length).toBeLessThan(names.length / 5);
  });

  describe('a damaged database is set aside, told, and names are answered', () => {
    const database = () => `${mirage.stateDir}/state.db`;
    const aside = () => fs.readdirSync(mirage.stateDir).filter((file) => /^state\.db\.unusable-[^w]*$/.test(file));

    test.each([
      ['overwritten in the middle', () => overwriteMiddle(database())],
      ['cut in half', () => fs.truncateSync(database(), fs.statSync(database()).size >> 1)],
      [
        'a directory',
        () => {
          fs.rmSync(database());
          fs.mkdirSync(database());
        },
      ],
    ])('%s', async (_, damage) => {
      await mirage.stop();
      const before = aside().length;
      damage();
      await mirage.start();
      await mirage.enhanced(quiet);
      expect(aside()).toHaveLength(before + 1);
      const { warnings } = await mirage.json<Snapshot>('status');
      expect(warnings.find((warning) => warning.code === 'STATE_SET_ASIDE')?.text).toContain('state.db.unusable-');
      expect((await mirage.cli('status')).stdout).toContain('STATE_SET_ASIDE');
      const { answers } = await asker.ask(names.slice(0, 1_000));
      for (const address of answers) expect(address).toMatch(/^198\.1[89]\./);
    });

    test('of length zero: begun anew, and the loss is known', async () => {
      await mirage.stop();
      fs.truncateSync(database());
      fs.rmSync(`${database()}-wal`, { force: true });
      await mirage.start();
      await mirage.enhanced(quiet);
      const { answers } = await asker.ask(names.slice(0, 1_000));
      for (const address of answers) expect(address).toMatch(/^198\.1[89]\./);
    });
  });
});

function reverse(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
}

function overwriteMiddle(file: string): void {
  const handle = fs.openSync(file, 'r+');
  const middle = (fs.statSync(file).size >> 13) << 12;
  fs.writeSync(handle, Buffer.alloc(16_384, 0xa5), 0, 16_384, middle);
  fs.closeSync(handle);
}
