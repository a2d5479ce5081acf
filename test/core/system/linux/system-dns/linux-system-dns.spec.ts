import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../../../core/base/logger.ts';
import { warningOf } from '../../../../../core/contract/warning-texts.ts';
import { dnsBackendKinds } from '../../../../../core/system/linux/system-dns/choose-system-dns.ts';
import type { DnsEnvironment } from '../../../../../core/system/linux/system-dns/dns-environment.ts';
import { type DnsBackends, LinuxSystemDns } from '../../../../../core/system/linux/system-dns/linux-system-dns.ts';
import { ResolvConfFile } from '../../../../../core/system/linux/system-dns/resolv-conf-file.ts';
import type {
  BackendServices,
  SystemDnsBackend,
} from '../../../../../core/system/linux/system-dns/system-dns-backend.ts';
import type { DnsSettings } from '../../../../../core/system/system-dns.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { JournalDirectory } from '../../journal-directory.ts';
import { ScriptedCommandRunner } from '../../scripted-command-runner.ts';

const server = '198.18.0.2';
let root: string;
let disk: JournalDirectory;
let chosenBy: DnsEnvironment[];
let done: (DnsSettings | undefined)[];
let raised: Set<string>;
let services: BackendServices | undefined;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-root-'));
  fs.mkdirSync(path.join(root, 'etc'));
  fs.writeFileSync(path.join(root, 'etc/resolv.conf'), 'nameserver 10.0.0.1\nsearch lan.example\n');
  disk = new JournalDirectory();
  chosenBy = [];
  done = [];
  raised = new Set();
});
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
  disk[Symbol.dispose]();
});

/** With a backend that changes nothing: what is tested is who tells it what. */
async function open(fails = false): Promise<LinuxSystemDns> {
  const journal = await disk.open();
  const runner = new ScriptedCommandRunner();
  const backend = (given: BackendServices): SystemDnsBackend => {
    services = given;
    return {
      async apply(wanted) {
        done.push(wanted);
        if (fails && wanted !== undefined) throw new Error('no');
      },
    };
  };
  return new LinuxSystemDns({
    runner,
    file: new ResolvConfFile({ path: path.join(root, 'etc/resolv.conf'), runner, step: (name) => journal.step(name) }),
    journal,
    health: { raise: ({ code }) => void raised.add(code), clear: (code) => void raised.delete(code) },
    logger: silentLogger,
    clock: new ManualClock(),
    watch: () => () => undefined,
    root,
    owner: { uid: 0, gid: 0 },
    choose: (environment) => {
      chosenBy.push(environment);
      return { kind: 'resolv-conf', why: 'told to', notes: [warningOf('SYSTEM_DNS_MANAGED', { manager: 'somebody' })] };
    },
    backends: Object.fromEntries(dnsBackendKinds.map((kind) => [kind, backend])) as unknown as DnsBackends,
  });
}

test('environment, then choice, then one backend, which is told what is wanted', async () => {
  const dns = await open();
  expect(services).toBeUndefined();
  await dns.apply({ server });
  expect(chosenBy).toMatchObject([{ resolvConf: 'file', base: { servers: ['10.0.0.1'], search: ['lan.example'] } }]);
  await dns.apply({ server: '28.0.0.2' });
  await dns.apply(undefined);
  expect(done).toEqual([{ server }, { server: '28.0.0.2' }, undefined]);
  expect([...raised]).toEqual([]);
});

test('off without a record and before any on: no backend is made', async () => {
  await (await open()).apply(undefined);
  expect(done).toEqual([]);
});

test('off after the death of an earlier process: the backend of its record takes it back', async () => {
  const journal = await disk.open();
  const previous = { kind: 'missing' } as const;
  const ours = { content: `nameserver ${server}\n`, servers: [server] };
  await journal.record([{ kind: 'resolv-conf', what: 'system DNS', where: 'here', previous, ours }]);
  await (await open()).apply(undefined);
  expect(done).toEqual([undefined]);
});

test('a backend that fails leaves no note, and the next call is tried', async () => {
  const dns = await open(true);
  await expect(dns.apply({ server })).rejects.toThrow('no');
  expect([...raised]).toEqual([]);
  await dns.apply(undefined);
  expect(done).toEqual([{ server }, undefined]);
});

test('what was there before comes from the environment: a backend that has changed nothing is not asked', async () => {
  const dns = await open();
  await dns.apply({ server });
  expect([await dns.baseServers(), await dns.baseSearch()]).toEqual([['10.0.0.1'], ['lan.example']]);
  fs.writeFileSync(path.join(root, 'etc/resolv.conf'), `nameserver ${server}\nnameserver 192.0.2.9\n`);
  expect(await dns.baseServers()).toEqual(['192.0.2.9']);
});

test('what a backend does by itself waits for what is under way', async () => {
  const dns = await open();
  await dns.apply({ server });
  const order: string[] = [];
  const own = services?.serially(async () => void order.push('own'));
  const off = dns.apply(undefined).then(() => order.push('off'));
  await Promise.all([own, off]);
  expect(order).toEqual(['own', 'off']);
});
