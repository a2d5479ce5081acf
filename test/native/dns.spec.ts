/** Port 53 of any address: questions become events, answers find their asker, by UDP and TCP. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { NativeWorld } from './support/native-world.ts';

const dig = (...args: string[]) => ['dig', '+tries=1', '+time=2', '+noedns', ...args].join(' ');

describeInLab('DNS hijack', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test.each([
    ['udp', []],
    ['tcp', ['+tcp']],
  ])('a question by %s to any server is answered', async (network, args) => {
    const output = await world.client.sh(dig('@10.99.0.53', 'example.com', ...args));
    expect(output).toContain('status: NOERROR');
    const events = await world.events('dns');
    expect(events).toEqual([{ kind: 'dns', network, destination: '10.99.0.53:53', length: 29 }]);
  });

  test('several questions on one connection', async () => {
    const output = await world.client.sh(
      `${dig('@10.99.0.53', '+tcp', '+keepopen', 'a.example', 'b.example', 'c.example')} | grep -c 'status: NOERROR'`,
    );
    expect(output.trim()).toBe('3');
    expect(await world.events('dns', 3)).toHaveLength(3);
    const connections = await world.client.sh('ss -tnH state established dport = :53');
    expect(connections).toBe('');
  });

  test('a large answer fits through TCP, and through UDP in fragments', async () => {
    await world.engine.call('dns', { padTo: 4_000 });
    for (const args of [['+tcp'], ['+bufsize=4096']]) {
      const output = await world.client.run('sh', ['-c', dig('@10.99.0.53', 'example.com', ...args)]);
      expect(output.stdout).toContain('MSG SIZE  rcvd: 4000');
    }
    await world.engine.call('dns', { padTo: 0 });
  });

  test('an idle connection is closed after 10 s, an unanswered question only later', async () => {
    await world.programs.call('open', { name: 'a', host: '10.99.0.53', port: 53 });
    await expect
      .poll(() => world.programs.call('state', { name: 'a' }), { timeout: 12_000 })
      .toMatchObject({ ended: 'end' });
    await world.programs.call('finish', { name: 'a' });
  });

  test('a connection that talks nonsense is reset', async () => {
    await world.programs.call('open', { name: 'b', host: '10.99.0.53', port: 53 });
    await world.programs.call('write', { name: 'b', text: '\0\u0001x' });
    await expect.poll(() => world.programs.call('state', { name: 'b' })).toMatchObject({ ended: 'ECONNRESET' });
  });
});
