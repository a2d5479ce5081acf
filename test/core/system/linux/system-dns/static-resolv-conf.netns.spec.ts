/** System DNS against real writers, with the real watch: whatever way another program overwrites the file, ours comes back. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type Machine } from '../../../../support/lab.ts';
import { root } from '../../../../support/source-graph.ts';
import { describeInLab } from '../../../../support/tier.ts';

/** Turns system DNS on for as long as its standard input is open. */
const script = `
import { systemClock } from '${root}core/base/clock.ts';
import { silentLogger as logger } from '${root}core/base/logger.ts';
import { SystemCommandRunner } from '${root}core/system/command-runner.ts';
import { LinuxSystemDns } from '${root}core/system/linux/system-dns/linux-system-dns.ts';
import { ResolvConfFile } from '${root}core/system/linux/system-dns/resolv-conf-file.ts';
import { watchFile as watch } from '${root}core/system/linux/system-dns/file-watch.ts';
import { UndoJournal } from '${root}core/system/undo-journal.ts';
const journal = await UndoJournal.open({ path: process.argv[2], now: () => 0, logger });
const health = { raise: () => undefined, clear: () => undefined };
const runner = new SystemCommandRunner();
const file = new ResolvConfFile({ path: '/etc/resolv.conf', runner, step: (name) => journal.step(name) });
const dns = new LinuxSystemDns({ runner, file, journal, health, logger, clock: systemClock, watch, root: '/', owner: { uid: 0, gid: 0 } });
await dns.apply({ server: '198.18.0.2' });
console.log('on');
for await (const _ of process.stdin) console.log('base ' + (await dns.baseServers()).join(','));
await dns.apply(undefined);
console.log('off');`;

const first = 'nameserver 10.0.0.1\\n';
const second = 'nameserver 192.0.2.1\\n# by DHCP\\n';

describeInLab('system DNS beside other programs', () => {
  let lab: Lab;
  let machine: Machine;

  beforeAll(async () => {
    lab = new Lab();
    machine = await lab.machine('client');
    await machine.write(path.join(machine.directory, 'dns.ts'), script);
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  test.each([
    ['in place', `printf '${first}' > /etc/resolv.conf`, `printf '${second}' > /etc/resolv.conf`],
    ['by rename', `printf '${first}' > /etc/resolv.conf`, `printf '${second}' > /etc/x; mv /etc/x /etc/resolv.conf`],
    [
      'by a link, as a restarted resolved does',
      `printf '${first}' > /run/a; ln -s ../run/a /etc/resolv.conf`,
      `printf '${second}' > /run/b; ln -sf ../run/b /etc/resolv.conf`,
    ],
    [
      'in place behind a bind mount',
      `printf '${first}' > /run/m; touch /etc/resolv.conf; mount --bind /run/m /etc/resolv.conf`,
      `printf '${second}' > /run/m`,
    ],
  ])('overwritten %s', async (_how, prepare, overwrite) => {
    const look = 'ls -l --time-style=+ /etc/resolv.conf; cat /etc/resolv.conf';
    await machine.sh(`umount /etc/resolv.conf 2>/dev/null || true; rm -f /etc/resolv.conf; ${prepare}`);
    const program = machine.spawn(process.execPath, [`${machine.directory}/dns.ts`, `${machine.directory}/journal`], {
      stdin: 'pipe',
    });
    await program.printed(/on\n/);
    expect(await machine.read('/etc/resolv.conf')).toContain('\nnameserver 198.18.0.2\n');
    for (let round = 0; round < 2; round++) {
      const foreign = await machine.sh(`${overwrite}; ${look}`);
      await machine.sh(
        'for i in $(seq 1200); do grep -q "^nameserver 198.18.0.2" /etc/resolv.conf && exit 0; sleep 0.05; done; exit 1',
      );
      if (round === 0) continue;
      program.process.stdin?.write('?');
      await program.printed(/base 192\.0\.2\.1\n/);
      program.process.stdin?.end();
      await program.printed(/off\n/);
      expect(await machine.sh(look)).toBe(foreign);
    }
  });
});
