/** What one program can make the data plane hold is bounded; other programs do not notice, and it is told. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

/** Opens so many connections and sends a text on each, reads nothing, says how many are open and how many were refused. */
const hoard = `
const [count, port, text] = process.argv.slice(1); let open = 0, refused = 0; const all = [];
for (let i = 0; i < Number(count); i++) {
  const s = require('net').connect({ port: Number(port), host: '203.0.113.80' }, () => { open += 1; s.pause(); s.write(text); });
  s.pause(); s.on('error', () => { refused += 1; }); all.push(s);
}
setInterval(() => console.log('open ' + open + ' refused ' + refused), 200);`;

/** Pipes of a process: how many, bytes they may hold, bytes inside. */
const pipes = `
import fcntl, os, struct, sys, termios
found = {}
for fd in os.listdir(f'/proc/{sys.argv[1]}/fd'):
    path = f'/proc/{sys.argv[1]}/fd/{fd}'
    try:
        name = os.readlink(path)
        if not name.startswith('pipe:') or name in found: continue
        f = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        inside = struct.unpack('i', fcntl.ioctl(f, termios.FIONREAD, b'    '))[0]
        found[name] = (fcntl.fcntl(f, 1032), inside)
        os.close(f)
    except OSError: pass
print(len(found), sum(c for c, _ in found.values()), sum(i for _, i in found.values()))`;

describeInLab('bounds of TCP', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    mirage = new Mirage(world.client);
    await mirage.start();
    // Few enough descriptors that the shares can be tried: (2,000 - 512) / 2 = 744 connections, less what pipes and UDP have.
    await world.client.sh(`prlimit --pid ${mirage.helper.pid} --nofile=2000:2000`);
    await mirage.enhanced(profile(['MATCH,DIRECT']));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const hoarder = (count: number, port: number, text: string, who: readonly string[] = []) =>
    world.client.spawn('setpriv', [...who, process.execPath, '-e', hoard, String(count), String(port), text]);
  const pipesOf = async (): Promise<number[]> =>
    (await world.client.run('python3', ['-c', pipes, String(mirage.helper.pid)])).stdout.trim().split(' ').map(Number);
  const isGone = async () => expect((await mirage.json<{ state: string }[]>('dump', 'connections')).length).toBe(0);

  test('300 downloads that nobody reads stay within the bounds of pipes, and the memory comes back', async () => {
    const many = hoarder(300, 80, 'GET /bytes/30000000 HTTP/1.0\r\n\r\n');
    await many.printed(/open 300 /);
    const [count = 0, room = 0, inside = 0] = await eventually(async () => {
      const now = await pipesOf();
      expect(now[0]).toBeGreaterThan(64);
      return now;
    });
    expect(count).toBeLessThan(64 + 1_024 + 16);
    // Of the large ones one user has 40 at most: 16 that nobody is counted for, and half of the rest.
    expect(room).toBeLessThan(40 * 2 ** 20 + 340 * 65_536);
    expect(inside).toBeLessThanOrEqual(room);
    const page = await world.client.run('curl', [
      '-sS',
      '-m',
      '8',
      'http://direct.example/bytes/5000000',
      '-o',
      '/dev/null',
      '-w',
      '%{size_download}',
    ]);
    expect(page.stdout).toBe('5000000');
    await many.stop();
    await eventually(isGone);
    await eventually(async () => expect((await pipesOf())[0]).toBeLessThan(64 + 16));
  });

  test('a user may have everything; another one gets as much of it as it needs, and it is told', async () => {
    const greedy = hoarder(900, 7, 'x');
    await greedy.printed(/open [67]\d\d refused [12]\d\d/);
    const other = hoarder(200, 7, 'y', nobody);
    await other.printed(/open 200 refused 0/);
    // Who had most gave way, which is seen in the list: a program that reads nothing hears of it only when it does.
    await eventually(async () => {
      const gone = (await mirage.connections()).filter(({ closeReason }) => closeReason === 'gave-way');
      expect(gone.length).toBeGreaterThanOrEqual(199);
    });
    const page = await world.client.run('setpriv', [...nobody, 'curl', '-sS', '-m', '8', 'http://direct.example/']);
    expect(page.stdout).toContain('host=direct.example');
    await eventually(async () =>
      expect((await mirage.json<Snapshot>('status')).warnings).toMatchObject([{ code: 'TCP_CROWDED' }]),
    );
    await Promise.all([greedy.stop(), other.stop()]);
    await eventually(isGone);
    expect((await world.client.run('curl', ['-sS', '-m', '8', 'http://direct.example/'])).stdout).toContain('host=');
  });
});
