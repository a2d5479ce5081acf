/** What only root in its own mount namespace can try: bind mounts, the immutable flag, a read-only file system. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderResolvConf } from '../../../../../core/system/linux/system-dns/resolv-conf-text.ts';
import type { ResolvConfState } from '../../../../../core/system/undo-record.ts';
import { Lab, type Machine } from '../../../../support/lab.ts';
import { root } from '../../../../support/source-graph.ts';
import { describeInLab } from '../../../../support/tier.ts';

const script = `
import { SystemCommandRunner } from '${root}core/system/command-runner.ts';
import { ResolvConfFile } from '${root}core/system/linux/system-dns/resolv-conf-file.ts';
import { undoLeftoverResolvConf } from '${root}core/system/linux/system-dns/resolv-conf-undo.ts';
const runner = new SystemCommandRunner();
const file = new ResolvConfFile({ path: '/etc/resolv.conf', runner, step: async () => undefined });
try {
  const how = process.argv[2] === 'undo' ? await undoLeftoverResolvConf(file) : await file.write({ kind: 'file', content: 'nameserver 198.18.0.2\\n', mode: 0o644, uid: 0, gid: 0 });
  console.log(how);
} catch (error) {
  console.log(error.code + ': ' + error.message + ' | ' + error.expected);
}`;

describeInLab('resolv.conf on disk', () => {
  let lab: Lab;
  let machine: Machine;

  beforeAll(async () => {
    lab = new Lab();
    machine = await lab.machine('client');
    await machine.write(path.join(machine.directory, 'write.ts'), script);
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  const write = async (...args: string[]): Promise<string> => {
    const result = await machine.run(process.execPath, [path.join(machine.directory, 'write.ts'), ...args]);
    expect(result.stderr).toBe('');
    return result.stdout.trim();
  };

  test('a bind mount is overwritten in place, and stays one', async () => {
    await machine.sh(
      'echo "nameserver 10.0.0.1" > /run/mounted; touch /etc/resolv.conf; mount --bind /run/mounted /etc/resolv.conf',
    );
    expect(await write()).toBe('in-place');
    expect(await machine.read('/run/mounted')).toBe('nameserver 198.18.0.2\n');
    await machine.sh('umount /etc/resolv.conf; ls -A /etc | grep -F .mirage && exit 1 || true');
  });

  test('an immutable file is told with the way out, and not touched', async () => {
    await machine.sh('echo "nameserver 10.0.0.1" > /etc/resolv.conf; chattr +i /etc/resolv.conf');
    expect(await write()).toBe(
      "SYSTEM_DNS_FAILED: /etc/resolv.conf is immutable, somebody wants it to stay as it is (EPERM: operation not permitted, rename '/etc/.resolv.conf.mirage' -> '/etc/resolv.conf') | chattr -ia /etc/resolv.conf",
    );
    expect(await machine.read('/etc/resolv.conf')).toBe('nameserver 10.0.0.1\n');
    await machine.sh('chattr -i /etc/resolv.conf; ls -A /etc | grep -F .mirage && exit 1 || true');
  });

  test.each(['i', 'a'])('ours is given back also when somebody has locked it meanwhile: chattr +%s', async (flag) => {
    const before: ResolvConfState = { kind: 'file', content: 'nameserver 10.0.0.1\n', mode: 0o644, uid: 0, gid: 0 };
    await machine.write('/etc/resolv.conf', renderResolvConf(before, { server: '198.18.0.2' }));
    await machine.sh(`chattr +${flag} /etc/resolv.conf`);
    expect(await write('undo')).toBe('true');
    expect(await machine.read('/etc/resolv.conf')).toBe(before.content);
  });

  test('a read-only /etc with a writable file in it, as containers have it: in place', async () => {
    await machine.sh(
      'mount -o remount,bind,ro /etc; echo "nameserver 10.0.0.1" > /run/mounted; mount --bind /run/mounted /etc/resolv.conf',
    );
    expect(await write()).toBe('in-place');
    await machine.sh('umount /etc/resolv.conf');
    expect(await write()).toMatch(/^SYSTEM_DNS_FAILED: \/etc\/resolv\.conf is on a read-only file system/);
    await machine.sh('mount -o remount,bind,rw /etc');
  });
});
