/** ping, traceroute, tracepath and mtr: real answers where the rules say DIRECT, an honest refusal elsewhere, never a way around. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('ping and traceroute', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    // A router says so only once a second to each sender.
    await world.router.sh('echo 0 > /proc/sys/net/ipv4/icmp_ratelimit');
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(
      profile([
        'DOMAIN-SUFFIX,hidden.example,dante',
        'DOMAIN,blocked.example,REJECT',
        'DOMAIN,silent.example,REJECT-DROP',
        'IP-CIDR,198.51.100.77/32,dante,no-resolve',
        'MATCH,DIRECT',
      ]),
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const sh = async (command: string) => await world.client.run('sh', ['-c', `${command} 2>&1`]);

  test('a real address and a name answer, with sequence numbers, sizes and their own address', async () => {
    const real = await sh('ping -n -c 3 -i 0.1 -W 3 203.0.113.80');
    expect(real.stdout).toMatch(/64 bytes from 203\.0\.113\.80: icmp_seq=1 ttl=63 /);
    expect(real.stdout).toMatch(/3 packets transmitted, 3 received, 0% packet loss/);
    const named = await sh('ping -n -c 3 -i 0.1 -W 3 direct.example');
    const fake = /^PING direct\.example \((198\.1[89]\.\d+\.\d+)\)/.exec(named.stdout)?.[1];
    expect(named.stdout).toContain(`64 bytes from ${fake}: icmp_seq=3 `);
    // Larger than the path's packets: out in fragments, and back.
    expect((await sh('ping -n -c 1 -s 4000 -W 3 203.0.113.80')).stdout).toContain('4008 bytes from 203.0.113.80');
    expect((await sh('ping -n -c 1 -s 20000 -W 3 direct.example')).stdout).toContain('1 received');
  });

  test('many at once, to the same host by name and by address, do not mix', async () => {
    const pings = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        sh(`ping -n -c 4 -i 0.05 -W 3 ${i % 2 === 0 ? 'direct.example' : '203.0.113.80'}`),
      ),
    );
    for (const { stdout } of pings) expect(stdout).toMatch(/4 packets transmitted, 4 received, 0% packet loss/);
    expect(pings.map(({ stdout }) => stdout).join()).not.toContain('DUP');
  });

  test('refused by rule or because a proxy cannot carry it: said at once; REJECT-DROP is silent; nothing leaves', async () => {
    const seen = world.router.spawn('tcpdump', ['-lni', 'any', 'icmp']);
    await seen.printed(/listening/);
    for (const host of ['blocked.example', 'www.hidden.example', '198.51.100.77']) {
      // One question, and for the whole of its patience only silence would be no answer to it.
      expect((await sh(`ping -n -c 1 -W 10 ${host}`)).stdout, host).toMatch(/Packet filtered|prohibited/i);
    }
    const silent = await sh('ping -n -c 1 -W 1 silent.example');
    expect(silent.stdout).toContain('0 received');
    expect(silent.stdout).not.toContain('From');
    expect(seen.output).not.toMatch(/echo request/);
  });

  test('what nobody answers, and no route, are seen as they are', async () => {
    const none = await sh('ping -n -c 1 -W 10 198.51.100.9');
    expect(none.stdout).toMatch(/From 10\.20\.0\.1 .*Unreachable/);
    expect((await sh('ping -n -c 1 -W 1 203.0.113.99')).stdout).toContain('0 received');
  });

  const bothHops = /^ 1 .*10\.20\.0\.1\b[^]*^ 2 .*(203\.0\.113\.80|198\.1[89]\.)/m;

  test.each([
    'traceroute -n -q 1 -w 2 -m 5 203.0.113.80',
    'traceroute -n -q 1 -w 2 -m 5 -I 203.0.113.80',
    'traceroute -n -q 1 -w 2 -m 5 direct.example',
    'traceroute -n -q 1 -w 2 -m 5 -I direct.example',
  ])('%s shows both hops', async (command) => {
    expect((await sh(command)).stdout).toMatch(bothHops);
  });

  test('tracepath and mtr show both hops', async () => {
    expect((await sh('tracepath -n -m 5 203.0.113.80')).stdout).toMatch(/10\.20\.0\.1[^]*203\.0\.113\.80.*reached/);
    for (const udp of ['', '-u'])
      expect((await sh(`mtr -n -r -c 2 -i 0.2 -G 1 -m 5 ${udp} 203.0.113.80`)).stdout).toMatch(
        /10\.20\.0\.1[^]*203\.0\.113\.80/,
      );
  });

  test('a flood to ever more addresses is bounded', async () => {
    await sh(
      `python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
for i in range(5000): s.sendto(b'\\x08\\x00\\xf7\\xfe\\x00\\x01\\x00\\x00', ('203.0.%d.%d' % (114 + i // 250, 1 + i % 250), 0))"`,
    );
    const sockets = await sh(`ls -l /proc/${mirage.helper.pid}/fd | grep -c socket`);
    expect(Number(sockets.stdout)).toBeLessThan(600);
    await eventually(async () => {
      expect((await sh('curl -sS -m 5 http://direct.example/')).stdout).toContain('host=direct.example');
    });
  });
});
