import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger, type LogRecord } from '../../../../../core/base/logger.ts';
import type { HealthWarning } from '../../../../../core/contract/status.ts';
import { LinuxSystemDns } from '../../../../../core/system/linux/system-dns/linux-system-dns.ts';
import { ResolvConfFile } from '../../../../../core/system/linux/system-dns/resolv-conf-file.ts';
import type { UndoJournal } from '../../../../../core/system/undo-journal.ts';
import { eventually } from '../../../../support/eventually.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { JournalDirectory } from '../../journal-directory.ts';
import { ScriptedCommandRunner } from '../../scripted-command-runner.ts';

const server = '198.18.0.2';
const before = 'nameserver 10.0.0.1\nsearch lan.example\n';

let root: string;
let where: string;
let disk: JournalDirectory;
let journal: UndoJournal;
let clock: ManualClock;
let warnings: Map<string, HealthWarning>;
let log: LogRecord[];
let dns: LinuxSystemDns;
let watching: (() => void) | undefined;

/** As the next process would begin. */
async function open(): Promise<void> {
  journal = await disk.open();
  clock = new ManualClock();
  warnings = new Map();
  log = [];
  const runner = new ScriptedCommandRunner();
  dns = new LinuxSystemDns({
    runner,
    file: new ResolvConfFile({ path: where, runner, step: (name) => journal.step(name) }),
    journal,
    health: {
      raise: (warning) => void warnings.set(warning.code, warning),
      clear: (code) => void warnings.delete(code),
    },
    logger: createLogger((record) => log.push(record), { component: 'dns', enabled: () => true, now: () => 0 }),
    clock,
    watch: (_path, onChange) => {
      watching = onChange;
      return () => (watching = undefined);
    },
    root,
    owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
  });
}

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-root-'));
  fs.mkdirSync(path.join(root, 'etc'));
  where = path.join(root, 'etc/resolv.conf');
  fs.writeFileSync(where, before);
  disk = new JournalDirectory();
  await open();
});
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
  disk[Symbol.dispose]();
});

const content = (): string => fs.readFileSync(where, 'utf8');
/** Another program writes; the watch tells, and the writer's pause passes. */
async function foreignWrite(text: string): Promise<void> {
  fs.writeFileSync(where, text);
  watching?.();
  await clock.advance(200);
}
const putBack = async (): Promise<void> => {
  await eventually(() => expect(content()).toMatch(/^nameserver 198\.18\.0\.2$/m));
  await dns.baseServers(); // queued behind whatever is under way
};

describe('apply', () => {
  test('our server stands there, the journal knows, one log line tells inputs and verdict; then all is as before', async () => {
    await dns.apply({ server });
    expect(content()).toContain('\nnameserver 198.18.0.2\nsearch lan.example\n');
    expect((await disk.open()).changes()).toMatchObject([{ what: 'system DNS 198.18.0.2', where }]);
    expect(log[0]?.text).toBe(
      'system DNS kind=resolv-conf why="nothing manages the file" resolvConf=file nameservers=10.0.0.1 resolved=false networkManager=false hosts=""',
    );
    await dns.apply(undefined);
    expect(content()).toBe(before);
    expect(disk.kinds()).toBeUndefined();
    expect(watching).toBeUndefined();
  });

  test('again changes nothing; another server replaces ours and keeps what was before', async () => {
    await dns.apply({ server });
    const inode = fs.statSync(where).ino;
    await dns.apply({ server });
    expect(fs.statSync(where).ino).toBe(inode);
    await dns.apply({ server: '28.0.0.2' });
    expect(content()).toContain('\nnameserver 28.0.0.2\n');
    expect(journal.of('resolv-conf')).toMatchObject([
      { previous: { content: before }, ours: { servers: [server, '28.0.0.2'] } },
    ]);
    await dns.apply(undefined);
    expect(content()).toBe(before);
  });

  test('nothing to undo: nothing is touched', async () => {
    const inode = fs.statSync(where).ino;
    await dns.apply(undefined);
    expect(fs.statSync(where).ino).toBe(inode);
  });

  test('after a death the next process undoes, or takes over with the same "before"', async () => {
    await dns.apply({ server });
    await open();
    await dns.apply({ server });
    expect(journal.of('resolv-conf')).toHaveLength(1);
    await open();
    await dns.apply(undefined);
    expect(content()).toBe(before);
  });

  test('with the journal lost, our own file still carries what was before', async () => {
    await dns.apply({ server });
    fs.rmSync(disk.path);
    await open();
    expect(await dns.baseServers()).toEqual(['10.0.0.1']);
    await dns.apply({ server });
    await dns.apply(undefined);
    expect(content()).toBe(before);
  });

  test('a failed write leaves no record and no file of ours', async () => {
    fs.rmSync(path.dirname(where), { recursive: true });
    await expect(dns.apply({ server })).rejects.toMatchObject({ code: 'SYSTEM_DNS_FAILED' });
    expect(journal.changes()).toEqual([]);
    expect(watching).toBeUndefined();
  });

  test('a note about a manager is raised while active', async () => {
    await foreignWrite('# Generated by NetworkManager\nnameserver 10.0.0.1\n');
    await dns.apply({ server });
    expect([...warnings.keys()]).toEqual(['SYSTEM_DNS_MANAGED']);
    await dns.apply(undefined);
    expect([...warnings.keys()]).toEqual([]);
  });
});

describe('base servers', () => {
  test('are those without us, before, while and after', async () => {
    for (const wanted of [undefined, { server }, undefined]) {
      await dns.apply(wanted);
      expect(await dns.baseServers()).toEqual(['10.0.0.1']);
      expect(await dns.baseSearch()).toEqual(['lan.example']);
    }
  });

  test('our own address is never one, even if somebody copied it', async () => {
    await dns.apply({ server });
    fs.writeFileSync(where, `nameserver ${server}\nnameserver 192.0.2.9\n`);
    expect(await dns.baseServers()).toEqual(['192.0.2.9']);
  });
});

describe('while active', () => {
  test('a foreign write is the new "before", and our server is put back', async () => {
    await dns.apply({ server });
    await foreignWrite('nameserver 192.0.2.1\n# by DHCP\n');
    await putBack();
    expect(await dns.baseServers()).toEqual(['192.0.2.1']);
    expect(warnings.size).toBe(0);
    await dns.apply(undefined);
    expect(content()).toBe('nameserver 192.0.2.1\n# by DHCP\n');
  });

  test('our own write is no reason to write again', async () => {
    await dns.apply({ server });
    const inode = fs.statSync(where).ino;
    watching?.();
    await clock.advance(200);
    await dns.baseServers();
    expect(fs.statSync(where).ino).toBe(inode);
  });

  test('a writer gets time to finish: the half-written file is not taken', async () => {
    await dns.apply({ server });
    fs.writeFileSync(where, '');
    watching?.();
    await clock.advance(100);
    fs.writeFileSync(where, 'nameserver 192.0.2.1\n');
    watching?.();
    await clock.advance(100);
    await putBack();
    await dns.apply(undefined);
    expect(content()).toBe('nameserver 192.0.2.1\n');
  });

  test('a fight is not fought: after five it waits half a minute and tells, and clears when calm', async () => {
    await dns.apply({ server });
    for (let i = 0; i < 5; i++) {
      await foreignWrite(`nameserver 192.0.2.${i}\n`);
      await putBack();
    }
    expect(warnings.size).toBe(0);
    await foreignWrite('nameserver 192.0.2.99\n');
    await eventually(() => expect([...warnings.keys()]).toEqual(['SYSTEM_DNS_CONTENDED']));
    await clock.advance(20_000);
    expect(content()).toBe('nameserver 192.0.2.99\n');
    await clock.advance(10_000);
    await putBack();
    expect([...warnings.keys()]).toEqual(['SYSTEM_DNS_CONTENDED']);
    watching?.();
    await eventually(async () => {
      await clock.advance(30_000);
      expect(warnings.size).toBe(0);
    });
    await dns.apply(undefined);
    expect(content()).toBe('nameserver 192.0.2.99\n');
  });

  test('a file that cannot be put back is told, and tried again', async () => {
    await dns.apply({ server });
    fs.rmSync(where);
    fs.mkdirSync(where);
    watching?.();
    await clock.advance(200);
    await eventually(() => expect([...warnings.keys()]).toEqual(['SYSTEM_DNS_LOST']));
    fs.rmdirSync(where);
    await clock.advance(30_000);
    await putBack();
  });

  test('turned off, nothing is put back any more', async () => {
    await dns.apply({ server });
    fs.writeFileSync(where, 'nameserver 192.0.2.1\n');
    watching?.();
    await dns.apply(undefined);
    await clock.advance(60_000);
    expect(content()).toBe('nameserver 192.0.2.1\n');
  });
});
