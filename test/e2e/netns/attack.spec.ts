/**
 * A user without rights against everybody else: a bounded random attacker at the control socket, the window's port, the
 * mixed port and the tunnel, beside somebody who asks questions and opens connections. `ATTACK_SEED` and `ATTACK_SECONDS`
 * repeat a run, or make it longer.
 */
import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Experience } from '../../support/bystander.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const attackerUid = 4_321;
const bystanderUid = 1_234;
const seed = Number(process.env['ATTACK_SEED'] ?? 9);
const seconds = Number(process.env['ATTACK_SECONDS'] ?? 30);
/** Seconds of the quiet run and of the one beside a program that only takes processor time. */
const controlSeconds = 6;
/** Of the kernel's kilobytes. */
const mebibyte = 1024;

describeInLab('an attacker without rights', () => {
  let world: World;
  let mirage: Mirage;
  let window: Running;
  let uiPort: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    mirage = new Mirage(world.client);
    await mirage.start(['--allow-uid', String(attackerUid)]);
    await mirage.enhanced(profile(['MATCH,DIRECT']).replace('debug', 'info'));
    window = mirage.serve('--port', '0');
    uiPort = (await window.printed(/http:\/\/127\.0\.0\.1:(\d+)/))[1] ?? '';
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const script = (name: string) => new URL(`../../support/${name}`, import.meta.url).pathname;
  /** As a user of no group; with the processor's time shared as the kernel shares it between users' programs. */
  const as = (uid: number, ...command: string[]): Running =>
    world.client.spawn('setpriv', ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--', ...command]);

  async function experience(time: number): Promise<Experience> {
    const bystander = as(bystanderUid, process.execPath, script('bystander.ts'), String(time));
    return JSON.parse((await bystander.printed(/^\{.*\}$/m, (time + 30) * 1_000))[0]) as Experience;
  }

  const resident = ({ pid }: { pid: number }): number =>
    Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / mebibyte;

  test('ends no process, fills no memory, and others hardly notice', { timeout: (seconds + 90) * 1_000 }, async () => {
    const quiet = await experience(controlSeconds);
    const burner = as(attackerUid, process.execPath, '-e', 'for (;;);');
    const beside = await experience(controlSeconds);
    await burner.stop('SIGKILL');

    const processes = { helper: mirage.helper, window };
    const before = { helper: resident(mirage.helper), window: resident(window) };
    const peak = { ...before };
    const sampler = setInterval(() => {
      for (const name of ['helper', 'window'] as const) {
        if (processes[name].process.exitCode === null) peak[name] = Math.max(peak[name], resident(processes[name]));
      }
    }, 200);
    const args = [seed, seconds, `${mirage.runtimeDir}/helper.sock`, uiPort, 7_890].map(String);
    const attacker = as(attackerUid, process.execPath, script('attacker.ts'), ...args);
    const attacked = await experience(seconds - 5);
    const report = (await attacker.printed(/^\{.*\}$/m, 30_000))[0];
    clearInterval(sampler);
    // Where its main thread is, should it stand still (proc_pid_wchan(5), proc_pid_syscall(5)).
    const at = ['wchan', 'syscall'].map((file) => fs.readFileSync(`/proc/${mirage.helper.pid}/${file}`, 'utf8').trim());
    const rise = { helper: peak.helper - before.helper, window: peak.window - before.window };
    process.stdout.write(
      `${JSON.stringify({ seed, quiet, beside, attacked, before, rise, at, report: JSON.parse(report) as unknown }, null, 1)}\n`,
    );
    expect([mirage.helper.process.exitCode, window.process.exitCode]).toEqual([null, null]);
    expect(await mirage.json('status')).toMatchObject({ tunnel: { kind: 'running' }, owner: { uid: 0 } });
    // Most of it are tables that have bounds of their own (core/README.md): 8,192 conversations of one user, and the names
    // that it makes up, which have fake addresses up to half of the range. In half a minute it comes to about 80 MiB.
    expect(rise.helper).toBeLessThan(128);
    expect(rise.window).toBeLessThan(32);
    // Others are served. How fast is reported and not asserted: it depends on who else uses this machine meanwhile.
    expect(attacked.unanswered / attacked.questions).toBeLessThan(0.02);
    expect(attacked.failed / attacked.connections).toBeLessThan(0.02);
    expect(Math.max(attacked.dnsP50, attacked.connectP50)).toBeLessThan(1_500);
  });

  test('fills no log', () => {
    expect(mirage.helper.output.length).toBeLessThan(seconds * 30_000);
  });

  test('its work is gone with it', async () => {
    const back = await experience(2);
    expect([back.unanswered, back.failed]).toEqual([0, 0]);
    expect((await mirage.off()).tunnel.kind).toBe('stopped');
  });
});
