/** Over a /proc made of files; the real one is asked in test/e2e/netns/upkeep.spec.ts. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseCidr } from '../../../../core/base/cidr.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import { SystemCommandRunner } from '../../../../core/system/command-runner.ts';
import { StrandedResolvers } from '../../../../core/system/linux/stranded-resolvers.ts';
import { fairClock } from '../../../support/fair-clock.ts';

let proc: string;
const id = '0123456789ab'.padEnd(64, 'c');
const ours = ['198.18.0.0/15', 'fdfe:dcba:9876::/96'].flatMap((text) => parseCidr(text) ?? []);

interface Made {
  namespace: string;
  resolvConf?: string;
  hostname?: string;
  cgroup?: string;
  net?: string;
  pids?: string;
  user?: string;
}

function make(pid: string, made: Made): void {
  const { namespace, resolvConf, hostname, cgroup = '0::/user.slice', net = '1', pids = '1', user = '1' } = made;
  const process = path.join(proc, pid);
  fs.mkdirSync(path.join(process, 'ns'), { recursive: true });
  fs.mkdirSync(path.join(process, 'root/etc'), { recursive: true });
  fs.symlinkSync(`mnt:[${namespace}]`, path.join(process, 'ns/mnt'));
  fs.symlinkSync(`net:[${net}]`, path.join(process, 'ns/net'));
  fs.symlinkSync(`pid:[${pids}]`, path.join(process, 'ns/pid'));
  fs.symlinkSync(`user:[${user}]`, path.join(process, 'ns/user'));
  fs.writeFileSync(path.join(process, 'comm'), 'nginx\n');
  fs.writeFileSync(path.join(process, 'cgroup'), `${cgroup}\n`);
  if (resolvConf !== undefined) fs.writeFileSync(path.join(process, 'root/etc/resolv.conf'), resolvConf);
  if (hostname !== undefined) fs.writeFileSync(path.join(process, 'root/etc/hostname'), `${hostname}\n`);
}

beforeEach(() => {
  proc = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-proc-'));
  make('self', { namespace: '1' });
  runner = new WatchedRunner();
  resolvers = new StrandedResolvers(runner, systemClock, proc);
});
afterEach(() => fs.rmSync(proc, { recursive: true }));

/** Runs what the system has, and keeps whom it was asked about; reading from `stuck` never ends, as from a FUSE mount that hangs. */
class WatchedRunner extends SystemCommandRunner {
  readonly asked: string[] = [];
  stuck: string | undefined;

  override run(...[program, args, options]: Parameters<SystemCommandRunner['run']>) {
    const pid = /\/(\d+)\/root\/etc$/.exec(args[1] ?? '')?.[1] ?? '';
    this.asked.push(pid);
    if (pid === this.stuck) return new Promise<never>(() => undefined);
    return super.run(program, args, options);
  }
}
let runner: WatchedRunner;
let resolvers: StrandedResolvers;
const find = () => resolvers.find(ours);

const dead = 'nameserver 198.18.0.2\n';

test.each<[string, string, string]>([
  [`0::/system.slice/docker-${id}.scope`, 'web', 'web (0123456789ab)'],
  [`12:pids:/docker/${id}`, '0123456789ab', '0123456789ab'],
  [`0::/machine.slice/libpod-${id}.scope/container`, 'db', 'db (0123456789ab)'],
  [`0::/kubepods/besteffort/pod1/cri-containerd-${id}.scope`, 'pod', 'pod (0123456789ab)'],
  ['0::/user.slice', 'ignored', 'nginx (process 10)'],
  [`0::/docker/${id}`, 'evil\u001b[31m <b>name', 'evil31mbname (0123456789ab)'],
])('is named by what its manager shows: %s', async (cgroup, hostname, expected) => {
  make('10', { namespace: '2', resolvConf: dead, hostname, cgroup });
  expect(await find()).toEqual([expected]);
});

test('each mount namespace counts once, ours never, and those with other servers never', async () => {
  make('10', { namespace: '1', resolvConf: dead });
  make('11', { namespace: '2', resolvConf: `# copied\n${dead}nameserver 9.9.9.9\n` });
  make('12', { namespace: '2', resolvConf: dead });
  make('13', { namespace: '3', resolvConf: 'nameserver 9.9.9.9\n' });
  make('14', { namespace: '4', resolvConf: 'nameserver fdfe:dcba:9876::2\n' });
  make('15', { namespace: '5' });
  expect(await find()).toEqual(['nginx (process 11)', 'nginx (process 14)']);
});

test('a container has processes of its own, whatever its network; a network alone is another machine of a test', async () => {
  make('10', { namespace: '2', resolvConf: dead, net: '2', pids: '2' });
  make('11', { namespace: '3', resolvConf: dead, net: '3', pids: '1' });
  make('12', { namespace: '4', resolvConf: dead, net: '1', pids: '4' });
  expect(await find()).toEqual(['nginx (process 10)', 'nginx (process 12)']);
});

test('what is no file there is not waited for, and no link is followed', async () => {
  make('10', { namespace: '2' });
  fs.mkdirSync(path.join(proc, '10/root/etc/resolv.conf'));
  make('11', { namespace: '3' });
  fs.writeFileSync(path.join(proc, 'target'), dead);
  fs.symlinkSync(path.join(proc, 'target'), path.join(proc, '11/root/etc/resolv.conf'));
  // An /etc that is a link leads into our own root.
  make('12', { namespace: '4' });
  fs.rmdirSync(path.join(proc, '12/root/etc'));
  fs.mkdirSync(path.join(proc, 'elsewhere'));
  fs.writeFileSync(path.join(proc, 'elsewhere/resolv.conf'), dead);
  fs.symlinkSync(path.join(proc, 'elsewhere'), path.join(proc, '12/root/etc'));
  make('13', { namespace: '5' });
  execFileSync('mkfifo', [path.join(proc, '13/root/etc/resolv.conf')]);
  expect(await find()).toEqual([]);
});

test('nothing is read in a user namespace that is not ours: any user can make one', async () => {
  make('10', { namespace: '2', resolvConf: dead, user: '2', pids: '2' });
  make('11', { namespace: '3', resolvConf: dead, pids: '3' });
  expect(await find()).toEqual(['nginx (process 11)']);
  expect(runner.asked).toEqual(['11']);
});

test('a file system that never answers holds up nobody, and is not asked again', async () => {
  make('10', { namespace: '2', resolvConf: dead });
  make('11', { namespace: '3', resolvConf: dead });
  runner.stuck = '10';
  const begun = fairClock.monotonic();
  expect(await find()).toEqual(['nginx (process 11)']);
  expect(fairClock.monotonic() - begun).toBeLessThan(2_500);
  expect(await find()).toEqual(['nginx (process 11)']);
  expect(runner.asked.filter((pid) => pid === '10')).toHaveLength(1);
});

test('at most 32 are named', async () => {
  for (let i = 0; i < 50; i++) make(String(100 + i), { namespace: String(100 + i), resolvConf: dead });
  expect(await find()).toHaveLength(32);
});
