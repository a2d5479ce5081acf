/** Other programs that change what is ours while it is on: put back, or told and off; and what they write for DNS is used. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { LeakWatch } from '../../support/leak-watch.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { root } from '../../support/source-graph.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('upkeep', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    before = await world.client.networkState();
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** Who the web server sees, by an address that the rules send through the proxy. */
  const seen = async (): Promise<string | undefined> =>
    /client=(\S+)/.exec((await world.client.run('curl', ['-sS', '-m', '8', 'http://203.0.113.80/'])).stdout)?.[1];
  const status = () => mirage.json<Snapshot>('status');
  const rulesAndRoutes = () =>
    world.client.sh(
      'ip rule; ip -6 rule; ip route show table 5380; ip -6 route show table 5380; ip -br addr show mirage0 | sed "s/ fe80[^ ]*//"',
    );
  /** The last step is that it is running again, and said what has happened. */
  const isWholeAgain = async (whole: string): Promise<void> => {
    await expect.poll(rulesAndRoutes).toBe(whole);
    const told = expect.objectContaining({ code: 'NETWORK_CHANGED_BY_OTHERS' });
    await expect.poll(status).toMatchObject({ tunnel: { kind: 'running' }, warnings: expect.arrayContaining([told]) });
    expect(await rulesAndRoutes()).toBe(whole);
  };
  /** In one breath, so that it is one repair. */
  const allOurs = 'ip rule | sed -n "s/^\\(53[0-9][0-9]\\|54[0-9][0-9]\\):.*/rule del pref \\1/p" | ip -force -batch -';

  test('while its rules are flushed, next to nothing goes around it', async () => {
    await mirage.enhanced(profile(['MATCH,dante']));
    const whole = await rulesAndRoutes();
    const watch = await LeakWatch.start(world.client, ['eth0'], 'ip6');
    // A datagram a millisecond, and soon all rules of everybody go, but the kernel's first. To another port once they are back.
    const back = `${world.client.directory}/back`;
    const sender = world.client.spawn('python3', [
      '-c',
      `import os, socket, subprocess, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begun = time.monotonic()
i = after = 0
while after < 500:
    while time.monotonic() < begun + i / 1000: time.sleep(0.0002)
    if i == 300:
        subprocess.run(['sh', '-c', 'ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default'])
        print('flushed', flush=True)
    i += 1
    after += i > 300 and os.path.exists('${back}')
    try: s.sendto(b'x', ('203.0.113.80', 9 if after == 0 else 10))
    except OSError: pass
print('sent', i, flush=True)`,
    ]);
    await sender.printed(/flushed/);
    await expect.poll(rulesAndRoutes, { interval: 20 }).toBe(whole);
    await world.client.write(back, '');
    const [, sent] = await sender.printed(/sent (\d+)/);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const packets = await watch.stop();
    const aroundTo = (port: number) =>
      packets.filter(({ text }) => text.includes(` > 203.0.113.80.${port}: UDP`)).length;
    // Some ten are usual; that nothing is waited for before the repair is shown by test/core/tunnel/upkeep.spec.ts.
    console.log(`of ${sent} datagrams ${aroundTo(9)} went around`);
    expect(aroundTo(10)).toBe(0);
    await isWholeAgain(whole);
  });

  /** With the first, as many as are repaired at once; that its device is deleted is a case of order.spec. */
  test.each<[string, string]>([
    ['its table is flushed', 'ip route flush table 5380'],
    ['its device is taken down', 'ip link set mirage0 down'],
    ['its device is renamed', 'ip link set mirage0 down; ip link set mirage0 name tun9; ip link set tun9 up || true'],
    ['its address is removed', 'ip addr flush dev mirage0'],
  ])('%s: put back at once, and said', async (_what, harm) => {
    if ((await status()).tunnel.kind !== 'running') await mirage.enhanced(profile(['MATCH,dante']));
    expect(await seen()).toBe('203.0.113.1');
    const whole = await rulesAndRoutes();
    await world.client.sh(harm);
    await isWholeAgain(whole);
    expect(await seen()).toBe('203.0.113.1');
  });

  test('a program that never stops: off, with the reason, and nothing is left', async () => {
    const rival = world.client.spawn('sh', ['-c', `while :; do ${allOurs}; sleep 0.1; done`]);
    await expect.poll(async () => (await status()).tunnel.kind, { timeout: 30_000 }).toBe('error');
    await rival.stop('SIGKILL');
    expect((await status()).tunnel).toMatchObject({
      error: { message: expect.stringContaining('again and again') },
    });
    expect(await world.client.networkState()).toBe(before);
  });

  test('another helper with other directories, whether it can start or not, takes nothing from the one at work', async () => {
    await mirage.enhanced(profile(['MATCH,dante']));
    const inForce = await world.client.networkState();
    const main = path.join(root, 'dist/helper/main.js');
    const elsewhere = (state: string, run: string) => {
      const directories = ['--state-dir', state, '--runtime-dir', `${world.client.directory}/${run}`];
      return world.client.spawn(process.execPath, [main, '--developer', ...directories]);
    };
    const other = elsewhere(`${world.client.directory}/other-state`, 'other');
    const failing = elsewhere('/etc/hostname', 'failing');
    await other.printed(/another helper is at work.*\n.*ready/s);
    await other.stop();
    await expect.poll(() => failing.process.exitCode).toBe(70);
    expect(await world.client.networkState()).toBe(inForce);
    const { tunnel, warnings } = await status();
    expect([tunnel.kind, warnings]).toEqual(['running', []]);
    await mirage.off();
  });

  test('containers that were started meanwhile are named at off; one with servers of its own is not', async () => {
    const { client } = world;
    await mirage.enhanced(profile(['MATCH,DIRECT']));
    const container = async (resolvConf: string) => {
      const etc = `mount -t tmpfs tmpfs /etc && printf '%s' "$1" > /etc/resolv.conf`;
      const script = `${etc} && echo up && exec sleep 60`;
      const running = client.spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', resolvConf]);
      await running.printed(/up/);
      return running;
    };
    const stranded = await container(await client.read('/etc/resolv.conf'));
    const others = await container('nameserver 9.9.9.9\n');
    const off = await mirage.cli('enhanced', 'off');
    expect(off.stdout).toContain(`sleep (process ${stranded.pid})`);
    expect(off.stdout).not.toContain(String(others.pid));
    await Promise.all([stranded, others].map((each) => each.stop('SIGKILL')));
    const on = await mirage.enhanced(profile(['MATCH,DIRECT']));
    expect(on.warnings.map(({ code }) => code)).not.toContain('CONTAINERS_WITHOUT_DNS');
    expect((await mirage.off()).warnings.map(({ code }) => code)).not.toContain('CONTAINERS_WITHOUT_DNS');
    expect(await client.networkState()).toBe(before);
  });

  test.each<[string, string, string]>([
    [
      'written',
      'printf "nameserver 10.20.0.1\\n" > /etc/resolv.conf',
      'printf "nameserver 203.0.113.1\\n" > /etc/resolv.conf',
    ],
    [
      'exchanged for a link',
      'printf "nameserver 10.20.0.1\\n" > /etc/resolv.conf',
      'printf "nameserver 203.0.113.1\\n" > /run/nm.conf; ln -sf /run/nm.conf /etc/new; mv -T /etc/new /etc/resolv.conf',
    ],
    [
      'what it led to before us is exchanged',
      'printf "nameserver 10.20.0.1\\n" > /run/dhcp.conf; ln -sf /run/dhcp.conf /etc/resolv.conf',
      'printf "nameserver 203.0.113.1\\n" > /run/dhcp.new; mv /run/dhcp.new /run/dhcp.conf',
    ],
  ])('resolv.conf is %s by another program: ours stands again, its servers are asked', async (_what, first, second) => {
    await world.client.sh(`rm -f /etc/resolv.conf; ${first}`);
    await mirage.enhanced(profile(['MATCH,DIRECT'], '', { 'enhanced-mode': 'redir-host' }));
    const answer = async () =>
      (await world.client.run('dig', ['+short', '+tries=1', '+time=12', 'hidden.example', '@198.18.0.2'])).stdout;
    expect(await answer()).not.toContain('203.0.113.80');
    await world.client.sh(second);
    await expect.poll(answer).toContain('203.0.113.80');
    await expect.poll(() => world.client.read('/etc/resolv.conf')).toContain('nameserver 198.18.0.2');
    await mirage.off();
    expect(await world.client.read('/etc/resolv.conf')).toBe('nameserver 203.0.113.1\n');
  });
});
