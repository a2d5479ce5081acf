import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { UndoJournal } from '../../../core/system/undo-journal.ts';
import type { NewUndoRecord, Undoers, UndoKind } from '../../../core/system/undo-record.ts';
import { undoOrder } from '../../../core/system/undo-record.ts';
import { JournalDirectory } from './journal-directory.ts';

let disk: JournalDirectory;
beforeEach(() => {
  disk = new JournalDirectory();
});
afterEach(() => {
  disk[Symbol.dispose]();
});

const rule = (text: string): NewUndoRecord => ({
  kind: 'ip-rule',
  what: `ip rule ${text}`,
  where: text,
  previous: null,
  ours: { family: 4, text },
});
const dns: NewUndoRecord = {
  kind: 'resolv-conf',
  what: 'system DNS',
  where: '/etc/resolv.conf',
  previous: { kind: 'file', content: 'nameserver 10.0.0.1\n\u00e9\u00ff', mode: 0o644, uid: 0, gid: 0 },
  ours: { content: 'nameserver 198.18.0.2\n', servers: ['198.18.0.2'] },
};

/** Notes what is undone; fails for the kinds named. */
function undoers(done: string[], failing: readonly UndoKind[] = []): Undoers {
  const undo = (kind: UndoKind) => async (records: readonly { what: string }[]) => {
    await Promise.resolve();
    if (failing.includes(kind)) throw new Error(`${kind} is stuck`);
    done.push(...records.map((record) => record.what));
  };
  return Object.fromEntries(undoOrder.map((kind) => [kind, undo(kind)])) as unknown as Undoers;
}

describe('records', () => {
  test('are on disk, readable by root only, before record() returns; the next process reads them', async () => {
    const journal = await disk.open();
    await journal.record([rule('a'), dns]);
    expect(fs.statSync(disk.path).mode & 0o777).toBe(0o600);
    const next = await disk.open();
    expect(next.wasCorrupt).toBe(false);
    expect(next.of('resolv-conf')).toEqual([{ ...dns, id: '2', since: 1_700_000_000_000 }]);
    expect(next.changes()).toEqual([
      { id: '1', what: 'ip rule a', where: 'a', since: 1_700_000_000_000 },
      { id: '2', what: 'system DNS', where: '/etc/resolv.conf', since: 1_700_000_000_000 },
    ]);
    expect((await next.record([rule('b')])).map((record) => record.id)).toEqual(['3']);
  });

  test('replace keeps id and time; forget removes; the last one takes the file with it', async () => {
    const journal = await disk.open();
    const [first] = await journal.record([rule('a'), rule('b')]);
    await journal.replace(first?.id ?? '', rule('changed'));
    expect((await disk.open()).of('ip-rule').map((record) => [record.id, record.what])).toEqual([
      ['1', 'ip rule changed'],
      ['2', 'ip rule b'],
    ]);
    await journal.forget(['1']);
    expect(disk.kinds()).toEqual(['ip-rule']);
    await journal.forget(['2']);
    expect(disk.kinds()).toBeUndefined();
    expect(fs.readdirSync(disk.directory)).toEqual([]);
  });

  test('written by many at once, none is lost', async () => {
    const journal = await disk.open();
    await Promise.all(Array.from({ length: 20 }, (_, i) => journal.record([rule(String(i))])));
    expect((await disk.open()).of('ip-rule').map((record) => record.ours.text)).toEqual(
      Array.from({ length: 20 }, (_, i) => String(i)),
    );
  });

  test('a journal that cannot be written is an error before any change, and forgets nothing', async () => {
    const journal = await disk.open();
    await journal.record([rule('a')]);
    fs.rmSync(disk.directory, { recursive: true });
    await expect(journal.record([rule('b')])).rejects.toMatchObject({ code: 'SYSTEM_JOURNAL_FAILED' });
    expect(journal.changes().map((change) => change.where)).toEqual(['a']);
  });
});

describe('what lies on disk', () => {
  test.each([
    ['half a file', '{"version":1,"next":2,"records":[{"id":"1","kind":"ip-r'],
    ['nothing', ''],
    ['another version', '{"version":2,"next":2,"records":[]}'],
    ['a record of unknown kind', '{"version":1,"next":2,"records":[{"id":"1","kind":"nft"}]}'],
    ['zeros after a power cut', '\0\0\0\0\0\0'],
  ])('%s: set aside, and started anew', async (_what, text) => {
    fs.writeFileSync(disk.path, text);
    const journal = await disk.open();
    expect(journal.wasCorrupt).toBe(true);
    expect(journal.changes()).toEqual([]);
    expect(fs.readFileSync(`${disk.path}.corrupt`, 'utf8')).toBe(text);
    await journal.record([rule('a')]);
    expect((await disk.open()).wasCorrupt).toBe(false);
  });

  test.each<[string, (path: string) => unknown]>([
    ['a directory', (path) => fs.mkdirSync(path)],
    ['a directory with something in it', (path) => fs.mkdirSync(`${path}/deep`, { recursive: true })],
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a link', (path) => fs.symlinkSync('/etc/passwd', path)],
    ['a device', (path) => fs.symlinkSync('/dev/zero', path)],
    ['without end', (path) => execFileSync('truncate', ['-s', '1T', path])],
  ])('%s: set aside, and started anew', async (_what, make) => {
    make(disk.path);
    const journal = await disk.open();
    expect(journal.wasCorrupt).toBe(true);
    await journal.record([rule('a')]);
    expect(disk.kinds()).toEqual(['ip-rule']);
  });

  test('at whatever step the process dies, the old or the new journal is whole', async () => {
    for (let dieAt = 0; ; dieAt++) {
      await (await disk.open()).record([rule('old')]);
      let step = 0;
      const mortal = await disk.open(() => {
        if (step++ >= dieAt) throw new Error('died');
      });
      const survived = await mortal.record([rule('new')]).then(
        () => true,
        () => false,
      );
      const next = await disk.open();
      expect(next.wasCorrupt).toBe(false);
      const found = next.of('ip-rule').map((record) => record.ours.text);
      expect(survived ? [['old', 'new']] : [['old'], ['old', 'new']]).toContainEqual(found);
      await next.forget(next.changes().map((change) => change.id));
      if (survived) return expect(dieAt).toBe(4);
    }
  });
});

describe('undoAll', () => {
  test('undoes kind by kind in the given order, forgets, and answers what was in force', async () => {
    const journal = await disk.open();
    await journal.record([rule('a'), rule('b'), dns]);
    const done: string[] = [];
    const undone = await journal.undoAll(undoers(done), undoOrder);
    expect(done).toEqual(['system DNS', 'ip rule a', 'ip rule b']);
    expect(undone.map((change) => change.what)).toEqual(done);
    expect(journal.changes()).toEqual([]);
    expect(disk.kinds()).toBeUndefined();
    expect(await journal.undoAll(undoers(done), undoOrder)).toEqual([]);
  });

  test('one kind that fails does not keep the others; its records stay for the next attempt', async () => {
    const journal = await disk.open();
    await journal.record([rule('a'), dns]);
    const done: string[] = [];
    await expect(journal.undoAll(undoers(done, ['resolv-conf']), undoOrder)).rejects.toMatchObject({
      code: 'SYSTEM_JOURNAL_FAILED',
      message: 'not everything could be undone: Error: resolv-conf is stuck',
    });
    expect(done).toEqual(['ip rule a']);
    expect(disk.kinds()).toEqual(['resolv-conf']);
    await (await disk.open()).undoAll(undoers(done), undoOrder);
    expect(done).toEqual(['ip rule a', 'system DNS']);
  });

  test('a full disk does not keep anything from being undone', async () => {
    await (await disk.open()).record([rule('a'), dns]);
    const full = await UndoJournal.open({
      path: disk.path,
      now: () => 0,
      logger: silentLogger,
      beforeStep: (step) => {
        if (step === 'journal: write') throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      },
    });
    const done: string[] = [];
    await full.undoAll(undoers(done), undoOrder);
    expect(done).toEqual(['system DNS', 'ip rule a']);
    expect(disk.kinds()).toBeUndefined();
  });
});
