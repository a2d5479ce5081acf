/** Death at every step of turning on and off, and a lost journal: the machine is byte for byte as before after a restore. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type Machine } from '../../../support/lab.ts';
import { root } from '../../../support/source-graph.ts';
import { describeInLab } from '../../../support/tier.ts';

const driver = path.join(root, 'test/core/system/linux/restore-driver.ts');

/** How /etc/resolv.conf may be found on a machine. */
const setups: Record<string, string> = {
  'a regular file': `printf 'nameserver 10.20.0.1\\nsearch lan.example\\n# no newline at the end' > /etc/resolv.conf; chown 7:8 /etc/resolv.conf; chmod 640 /etc/resolv.conf`,
  'a symlink': `mkdir -p /run/net; printf 'nameserver 10.20.0.1\\n' > /run/net/resolv.conf; ln -s ../run/net/resolv.conf /etc/resolv.conf`,
  'a dangling symlink': 'ln -s /run/nowhere/resolv.conf /etc/resolv.conf',
  'a bind mount': `printf 'nameserver 10.20.0.1\\noptions ndots:1\\n' > /run/resolv.conf; touch /etc/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf`,
  'no file': 'rm -f /etc/resolv.conf',
};

const clear = 'umount /etc/resolv.conf 2>/dev/null || true; rm -f /etc/resolv.conf';

describeInLab('restore after death', () => {
  let lab: Lab;
  let machine: Machine;

  beforeAll(async () => {
    lab = new Lab();
    machine = await lab.machine('client');
    const router = await lab.machine('router');
    await lab.link(machine, '10.20.0.2/24', router, '10.20.0.1/24');
    await machine.sh(
      'ip route add default via 10.20.0.1; ip rule add pref 100 to 192.0.2.0/24 lookup main; ip tuntap add mode tun name mirage0; ip link set mirage0 addrgenmode none; ip addr add 198.18.0.1/32 dev mirage0; ip addr add fdfe:dcba:9876::1/126 dev mirage0 nodad; ip link set mirage0 up',
    );
    await machine.sh('for i in $(seq 1200); do ip -6 addr show tentative | grep -q inet6 || exit 0; sleep 0.1; done');
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  const drive = async (...args: string[]) =>
    await machine.run(process.execPath, [driver, machine.directory, ...args], { timeoutMs: 590_000 });
  const state = async (): Promise<string> =>
    await machine.sh(
      'ls -la --time-style=+ /etc | grep -F resolv.conf; cat /etc/resolv.conf 2>&1 || true; ip rule; ip -6 rule; ip route show table all; nft list ruleset; ip -6 route show table all | sed "s/ expires [0-9]*sec//"',
    );

  test.each(Object.entries(setups))('at every step of turning on and off: resolv.conf is %s', async (kind, setup) => {
    await machine.sh(`${clear}; ${setup}`);
    // The rules are the same whatever resolv.conf is: every step of theirs once is enough.
    const parts = kind === 'a regular file' ? 'dns routes' : 'dns';
    const result = await drive('die', parts);
    expect(result.stderr).toBe('');
    const { apply, undo } = JSON.parse(result.stdout) as Record<
      'apply' | 'undo',
      { steps: string[]; failures: object[] }
    >;
    expect(apply.failures).toEqual([]);
    expect(undo.failures).toEqual([]);
    expect(apply.steps).toContain(kind === 'a bind mount' ? 'resolv.conf: fill' : 'resolv.conf: rename');
    expect(apply.steps.at(-1)).toContain('resolv.conf');
    expect(apply.steps.includes('strict-route: add')).toBe(parts !== 'dns');
    expect(undo.steps).toEqual(
      expect.arrayContaining([expect.stringMatching(/^resolv.conf: /), 'journal: sync directory']),
    );
    for (const step of ['rule del', 'strict-route: delete']) {
      expect(undo.steps.some((each) => each.startsWith(step))).toBe(parts !== 'dns');
    }
  });

  test('kill -9 in the middle of the rules, then restore by another process', async () => {
    await machine.sh(`${clear}; ${setups['a regular file']}`);
    const before = await state();
    expect((await drive('kill', '15')).code).toBe(137);
    expect(await state()).not.toBe(before);
    expect(JSON.parse((await drive('restore')).stdout)).toEqual({ undone: expect.any(Number) });
    expect(await state()).toBe(before);
    expect((await drive('restore')).stdout).toBe('{"undone":0}\n');
  });

  test.each(['lost', 'corrupt'])('the journal is %s: our own traces are enough', async (how) => {
    await machine.sh(`${clear}; ${setups['a symlink']}`);
    const before = await state();
    expect((await drive('kill', '1000')).stdout).toBe('{"survived":true}\n');
    const journal = path.join(machine.directory, 'undo-journal.json');
    fs.rmSync(`${journal}.corrupt`, { force: true });
    if (how === 'lost') fs.rmSync(journal);
    else fs.writeFileSync(journal, '{"version":1,"next":7,"records":[{"kind":"ip-ru');
    expect(JSON.parse((await drive('restore')).stdout)).toEqual({ undone: 37 });
    expect(await state()).toBe(before);
    expect(fs.existsSync(`${journal}.corrupt`)).toBe(how === 'corrupt');
  });

  test('a resolv.conf that somebody wrote after our death stays; rules go', async () => {
    await machine.sh(`${clear}; ${setups['a regular file']}`);
    const rules = await machine.sh('ip rule; ip -6 rule');
    await drive('kill', '1000');
    await machine.write('/etc/resolv.conf', 'nameserver 192.0.2.1\n# by DHCP, later\n');
    await drive('restore');
    expect(await machine.read('/etc/resolv.conf')).toBe('nameserver 192.0.2.1\n# by DHCP, later\n');
    expect(await machine.sh('ip rule; ip -6 rule')).toBe(rules);
  });
});
