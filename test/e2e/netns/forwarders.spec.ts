/** Resolvers on this machine that Mirage asks: their own questions go out, however they ask and whoever started them. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { promptly } from '../../support/eventually.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const forwarder = (...args: string[]): string[] => [
  '--keep-in-foreground',
  '--conf-file=/dev/null',
  '--no-resolv',
  '--no-hosts',
  '--pid-file=',
  '--cache-size=0',
  '--server=10.20.0.1',
  '--bind-interfaces',
  ...args,
];

/** Listens by UDP only, and asks further on from a child. */
const udpOnly = `
import os, socket, subprocess, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(('127.0.0.1', 5336))
program = '''import socket, sys
print('ready', flush=True)
for question in sys.stdin:
  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(bytes.fromhex(question), ('10.20.0.1', 53))
  try: print(s.recv(4096).hex(), flush=True)
  except TimeoutError: print('', flush=True)'''
child = subprocess.Popen([sys.executable, '-c', program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), flush=True)
while True:
  message, asker = server.recvfrom(4096)
  print(message.hex(), file=child.stdin, flush=True)
  said = child.stdout.readline().strip()
  if said: server.sendto(bytes.fromhex(said), asker)`;

describeInLab('a resolver on this machine', () => {
  let world: World;
  let mirage: Mirage;
  const running: Running[] = [];

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante();
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterEach(async () => {
    await mirage.off();
    await world.client.write('/etc/resolv.conf', 'nameserver 10.20.0.1\nsearch lan.example\n');
    for (const each of running.splice(0)) await each.stop();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const start = async (file: string, args: readonly string[], ready: RegExp): Promise<void> => {
    const program = world.client.spawn(file, args);
    running.push(program);
    await program.printed(ready);
  };
  const curl = async (host: string): Promise<string> => {
    const { stdout, stderr } = await promptly(() => world.client.run('curl', ['-sS', '-m', '8', `http://${host}/`]));
    return /client=(\S+)/.exec(stdout)?.[1] ?? stderr.trim();
  };
  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+short', '+time=8', '+tries=1', ...args])).stdout.trim();
  /** DIRECT by name, a name of the network, a filtered name, and a proxied one that nobody here may hear of. */
  const works = async (): Promise<void> => {
    const before = world.questionsSeen().length;
    expect(await curl('direct.example')).toBe('10.20.0.2');
    expect(await dig('nas.lan.example')).toBe('10.20.0.1');
    expect(await dig('direct.example', 'TXT')).toBe('"hello from the far side"');
    expect(await curl('www.hidden.example')).toBe('203.0.113.1');
    const asked = world.questionsSeen().slice(before);
    expect(asked).toContain('A direct.example');
    expect(asked.filter((question) => question.includes('hidden'))).toEqual([]);
  };
  const rules = ['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT'];

  test('dnsmasq at port 53, where resolv.conf leads', async () => {
    await start('dnsmasq', forwarder('--listen-address=127.0.0.1', '--log-facility=-'), /started/);
    await world.client.write('/etc/resolv.conf', 'nameserver 127.0.0.1\nsearch lan.example\n');
    await mirage.enhanced(profile(rules));
    await works();
    // Who asks it past us gets what it has always said, also by TCP.
    expect(await dig('@127.0.0.1', 'direct.example')).toBe('203.0.113.80');
    expect(await dig('@127.0.0.1', '+tcp', 'direct.example')).toBe('203.0.113.80');
    expect((await dig('@127.0.0.1', '+tcp', 'large.example', 'TXT')).length).toBeGreaterThan(1_500);
    // Others that ask the same server are answered by us as ever.
    expect(await dig('@10.20.0.1', 'www.hidden.example')).toMatch(/^198\.1[89]\./);
  });

  test('dnsmasq of another user at a port of its own, by the profile', async () => {
    await start(
      'dnsmasq',
      forwarder('--listen-address=127.0.0.1', '--port=5335', '--user=nobody', '--log-facility=-'),
      /started/,
    );
    await mirage.enhanced(profile(rules, '', { nameserver: "['127.0.0.1:5335']" }));
    await works();
  });

  test('one that listens by UDP only, and asks from a child process', async () => {
    await start('python3', ['-c', udpOnly], /ready/);
    await mirage.enhanced(profile(rules, '', { nameserver: "['127.0.0.1:5336']" }));
    await works();
  });

  test('unbound that asks the servers of zones itself', async () => {
    await world.client.write(
      '/etc/unbound-test.conf',
      `server:
  interface: 127.0.0.1@5337
  username: ""
  chroot: ""
  directory: "/tmp"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "example." transparent
stub-zone:
  name: "example"
  stub-addr: 10.20.0.1
`,
    );
    await start('unbound', ['-d', '-c', '/etc/unbound-test.conf'], /start of service/);
    await mirage.enhanced(profile(rules, '', { nameserver: "['127.0.0.1:5337']" }));
    await works();
    const flows = (await mirage.connections()).filter(({ destination }) => destination.port === 53);
    expect(flows.map(({ rule }) => rule?.type)).toContain('LOOP-GUARD');
  });
});
