/** UDP: real, and never a black hole. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { askMixed, askUdp } from '../../support/udp-clients.ts';
import { addresses, World } from '../../support/world.ts';

/** Tells each datagram's type of service and hop limit, in an answer with the type of service that the datagram asks for. */
const tellBeside = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 7001))
for option in (13, 12): s.setsockopt(0, option, 1)
print('ready', flush=True)
while True:
    data, beside, _, peer = s.recvmsg(100, 200)
    told = {kind: value[0] for _, kind, value in beside}
    s.setsockopt(0, 1, data[0])
    s.sendto(bytes([told[1], told[2]]), peer)`;
/** Prints what came of its types of service and hop limits, then what the error of a closed port quotes. */
const askBeside = `
import socket, sys, time
for service, hops, back in ((0, 64, 0xb8), (2, 64, 1), (0xb9, 12, 2), (0, 64, 3)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    for option, value in ((13, 1), (1, service), (2, hops)): s.setsockopt(0, option, value)
    s.sendto(bytes([back]), (sys.argv[1], 7001))
    data, beside, _, _ = s.recvmsg(100, 100)
    print(data[0], data[1], beside[0][2][0])
s.setsockopt(0, 11, 1)
s.sendto(b'who is there?', (sys.argv[1], 7002))
time.sleep(1)
print(s.recvmsg(100, 100, 0x2000)[0].decode())`;

describeInLab('UDP', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    await world.startMicrosocks(world.router, '10.20.0.1', 1082);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(
      profile([
        'DOMAIN-SUFFIX,dante.hidden.example,dante',
        'DOMAIN-SUFFIX,micro.hidden.example,micro',
        'DOMAIN,blocked.example,REJECT',
        'MATCH,DIRECT',
      ]),
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const ask = async (host: string, port: number): Promise<string> =>
    (await world.client.run(process.execPath, ['-e', askUdp, host, String(port), 'ping'])).stdout.trim();

  test('direct by name and by address', async () => {
    expect(await ask('direct.example', 9)).toBe('got ping');
    expect(await ask('203.0.113.80', 9)).toBe('got ping');
  });

  test('type of service, ECN and hop limit go out, and come back; errors quote the datagram', async () => {
    const teller = world.web.spawn('python3', ['-c', tellBeside, addresses.web]);
    await teller.printed(/ready/);
    const { stdout, stderr } = await world.client.run('python3', ['-c', askBeside, addresses.web]);
    // One router between.
    expect(stdout.trim().split('\n'), stderr).toEqual(['0 63 184', '2 63 1', '185 11 2', '0 63 3', 'who is there?']);
  });

  test('NTP works direct', async () => {
    const script = `const s=require('dgram').createSocket('udp4');const q=Buffer.alloc(48);q[0]=0x23;s.on('message',m=>{console.log(m.length,(m[0]&7));s.close()});s.send(q,123,'direct.example')`;
    expect((await world.client.run(process.execPath, ['-e', script])).stdout.trim()).toBe('48 4');
  });

  test('by UDP ASSOCIATE through dante: by name, the far side resolves it', async () => {
    expect(await ask('www.dante.hidden.example', 9)).toBe('got ping');
    expect(world.questionsSeen().filter((question) => question.includes('hidden'))).toEqual([]);
  });

  test('SOCKS5 UDP at the mixed port: by the rules, and no longer than its TCP connection', async () => {
    const targets = ['direct.example 9', 'mixed.dante.hidden.example 9', '203.0.113.80 9', 'blocked.example 9 silent'];
    const result = await world.client.run(process.execPath, ['-e', askMixed, ...targets]);
    expect(result.stdout.trim().split('\n')).toEqual([
      'direct.example ping',
      'mixed.dante.hidden.example ping',
      '203.0.113.80 ping',
      'blocked.example silence',
      'fragment direct.example silence',
      'ended direct.example silence',
    ]);
    const rows = (await mirage.connections()).filter((row) => row.inbound === 'mixed' && row.network === 'udp');
    const row = rows.find(({ destination }) => destination.host === 'mixed.dante.hidden.example');
    expect(row).toMatchObject({ chain: ['dante'], up: 4, down: 4, domainSource: 'inbound' });
    expect(world.questionsSeen().filter((question) => question.includes('hidden'))).toEqual([]);
  });

  test('a proxy without UDP, a rejected name and a closed port are ICMP at once, not silence', async () => {
    for (const [host, port] of [
      ['www.micro.hidden.example', 9],
      ['blocked.example', 443],
      ['direct.example', 4433],
    ] as const) {
      // It has sent one datagram: this is the answer to it.
      expect(await ask(host, port), host).toMatch(/ECONNREFUSED|EHOSTUNREACH/);
    }
  });
});
