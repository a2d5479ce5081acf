/** SOCKS5 servers whose UDP ASSOCIATE reply names an address that is right for themselves only: every one of them works. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const hex = (...bytes: number[]) => Buffer.from(bytes).toString('hex');
const v4 = (a: number, b: number, c: number, d: number, port = 1) => hex(1, a, b, c, d, 0, port);
const v6 = (groups: string, port = 1) => `04${groups.padStart(32, '0')}${hex(0, port)}`;
const name = (text: string) => `03${hex(text.length)}${Buffer.from(text).toString('hex')}${hex(0, 1)}`;

/** What the reply says; port 1 stands for the relay's own (test/support/odd-relay.py). */
const replies: readonly (readonly [what: string, reply: string])[] = [
  ['its own address', v4(10, 20, 0, 1)],
  ['the wildcard', v4(0, 0, 0, 0)],
  ['the wildcard and no port', v4(0, 0, 0, 0, 0)],
  ['its own address and no port', v4(10, 20, 0, 1, 0)],
  ['the IPv6 wildcard', v6('')],
  ['loopback', v4(127, 0, 0, 1)],
  ['another loopback address', v4(127, 0, 1, 1)],
  ['IPv6 loopback', v6('01')],
  ['a container address', v4(172, 17, 0, 2)],
  ['an address of another site', v4(192, 168, 77, 5)],
  ['carrier NAT', v4(100, 64, 9, 9)],
  ['link-local', v4(169, 254, 3, 4)],
  ['multicast', v4(224, 0, 0, 1)],
  ['broadcast', v4(255, 255, 255, 255)],
  ['reserved', v4(240, 0, 0, 1)],
  ['a global IPv6 address', v6('20010db8000000000000000000000005')],
  ['its address as mapped IPv6', v6('ffff0a140001')],
  ['loopback as mapped IPv6', v6('ffff7f000001')],
  ['IPv6 link-local', v6('fe800000000000000000000000000001')],
  ['a unique local address', v6('fd000000000000000000000000000007')],
  ['its address as a name', name('10.20.0.1')],
  ['a name', name('relay.example')],
  ['localhost', name('localhost')],
  ['a fake address', v4(198, 18, 0, 99)],
];

/** Sends one datagram, prints what comes back. */
const askUdp = `
const s = require('dgram').createSocket('udp4'); const done = (word) => { console.log(word); s.close(); };
s.on('error', (e) => done(e.code)); s.on('message', (m) => done(String(m)));
s.connect(9, process.argv[1], (e) => { if (e) return done(e.code); s.send('ping'); setTimeout(() => done('silence'), 20_000).unref(); });`;

describeInLab('odd relay addresses', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    const program = new URL('../../support/odd-relay.py', import.meta.url).pathname;
    await world.router.spawn('python3', [program, '10.20.0.1', '1090']).printed(/ready/);
    const mirage = new Mirage(world.client);
    await mirage.start();
    const rules = replies.map((_, i) => `DOMAIN,odd${i}.hidden.example,odd${i}`);
    const proxies = replies.map(
      ([, reply], i) =>
        `  - { name: odd${i}, type: socks5, server: 10.20.0.1, port: 1090, udp: true, username: '${reply}', password: x }`,
    );
    await mirage.enhanced(profile([...rules, 'MATCH,DIRECT']).replace('\nrules:', `\n${proxies.join('\n')}\nrules:`));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('datagrams reach the relay', async () => {
    const ask = async (i: number) => {
      const { stdout } = await world.client.run(process.execPath, ['-e', askUdp, `odd${i}.hidden.example`]);
      return [replies[i]?.[0], stdout.trim()];
    };
    const said: unknown[] = [];
    for (let i = 0; i < replies.length; i += 6) {
      const some = replies.slice(i, i + 6).map((_, j) => ask(i + j));
      said.push(...(await Promise.all(some)));
    }
    expect(said).toEqual(replies.map(([what]) => [what, 'got ping']));
  });
});
