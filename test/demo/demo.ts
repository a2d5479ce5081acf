/**
 * The ten steps by which a program that knows nothing of proxies reaches a server by name, each with the machine's own
 * evidence; then what other ways cost; then everything off again. Real helper, real curl, real dante, in namespaces.
 */
import { Mirage } from '../support/mirage.ts';
import { World } from '../support/world.ts';
import { Narrator } from './narrator.ts';

const name = 'www.hidden.example';
const profile = `# profile.yaml
proxies:
  - { name: far-side, type: socks5, server: 10.20.0.1, port: 1080, udp: true }
rules:
  - DOMAIN-SUFFIX,hidden.example,far-side
  - MATCH,DIRECT
`;

const world = await World.create();
let cleaning: Promise<void> | undefined;
const cleanUp = (): Promise<void> => (cleaning ??= world[Symbol.asyncDispose]());
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    void cleanUp().then(() => {
      process.stdout.write('\nstopped; nothing is left behind\n');
      process.exit(130);
    });
  });
}

try {
  const narrator = new Narrator();
  await tell(narrator);
  process.stdout.write(
    narrator.failures === 0 ? '\nEvery claim held.\n' : `\n${narrator.failures} claims did not hold.\n`,
  );
  process.exitCode = narrator.failures === 0 ? 0 : 1;
} catch (error) {
  // What was under way when Ctrl-C took its machines away is no failure; the signal's handler ends the program.
  if (!interrupted) throw error;
} finally {
  await cleanUp();
}

async function tell(say: Narrator): Promise<void> {
  const { client } = world;
  await world.startWeb();
  const dante = await world.startDante(1080, false, 1);
  const mirage = new Mirage(client);
  const before = await client.networkState();

  say.title('Three machines: client (Mirage, curl) — router (dante, two resolvers) — web server');
  say.evidence(
    `client$ dig +short ${name}   # before: its resolver does not know the name`,
    `${await client.sh(`dig +short +tries=1 ${name} || true`)}(nothing)`,
  );
  say.check(
    "only the router's own resolver knows the name",
    (await world.router.sh(`dig +short @127.0.0.1 ${name}`)).includes('203.0.113.80'),
  );
  await mirage.start();
  say.check('starting the helper changes nothing', (await client.networkState()) === before);
  await mirage.enhanced(profile);

  say.title('Enhanced Mode on: the ten steps');
  say.step('1-3', `curl wants ${name}. No cache knows it, so the system's resolver will be asked.`);
  say.step(
    '4',
    'The system asks its DNS server, which is now Mirage; and whatever is sent to a fake address goes to Mirage too.',
  );
  const resolvConf = await client.read('/etc/resolv.conf');
  say.evidence('client$ cat /etc/resolv.conf', resolvConf);
  say.check('the DNS server is inside the tunnel', resolvConf.includes('nameserver 198.18.0.2'));
  say.evidence(
    'client$ ip rule   # ours only',
    (await client.sh('ip rule'))
      .split('\n')
      .filter((line) => /^53[89]\d|^5[4-9]\d\d/.test(line))
      .join('\n'),
  );

  const asked = world.questionsSeen().length;
  const begun = performance.now();
  const answer = await client.sh(`dig +noall +answer +stats ${name}`);
  const fake = /IN\s+A\s+(\S+)/.exec(answer)?.[1] ?? 'none';
  say.step(
    '5-7',
    'Mirage intercepts the question, takes an address from the pool, writes the mapping down and answers at once.',
  );
  say.evidence(
    `client$ dig ${name}`,
    answer
      .split('\n')
      .filter((line) => /IN\s+A|Query time|SERVER/.test(line))
      .join('\n'),
  );
  say.check(
    `a fake address, after ${(performance.now() - begun).toFixed(0)} ms including dig itself`,
    /^198\.1[89]\./.test(fake),
  );
  say.check('no question left the machine', world.questionsSeen().length === asked);
  say.evidence('client$ mirage dump fake-ip', (await mirage.cli('dump', 'fake-ip')).stdout);

  say.step('8', 'curl connects to the fake address.');
  const page = await client.run('curl', [
    '-sS',
    '-m',
    '5',
    '-w',
    'connected to %{remote_ip}:%{remote_port} after %{time_connect} s\\n',
    `http://${name}/`,
  ]);
  say.evidence(`client$ curl http://${name}/`, page.stdout + page.stderr);
  say.check('curl knows the fake address only', page.stdout.includes(`connected to ${fake}`));

  const row = (await mirage.connections()).find((candidate) => candidate.destination.host === name);
  say.step(
    '9',
    'Mirage takes the connection and finds the name again from the address; the first rule that matches decides.',
  );
  say.evidence(
    'client$ mirage dump connections --closed',
    (await mirage.cli('dump', 'connections', '--closed')).stdout,
  );
  say.check(
    'the row has name, fake address, rule and proxy',
    row?.fakeIp === fake && row.rule?.payload === 'hidden.example' && row.chain[0] === 'far-side',
  );

  say.step('10', 'Name and bytes go out by SOCKS5; the far side resolves the name.');
  const request = dante.output.split('\n').filter((line) => line.includes('request received') && line.includes(name));
  say.evidence(
    'router$ log of dante',
    request.map((line) => line.replace(/^.*?danted\[\d+\]: /, '').replace(/\s+Accepted.*?Packet:/, ' …')).join('\n'),
  );
  say.check(
    'the SOCKS server was asked for the name (ATYP 3), not for an address',
    request.some((line) => line.includes('ATYP: 3')),
  );
  say.check(
    'the web server saw the router, by the right name',
    page.stdout.includes(`host=${name} client=203.0.113.1`),
  );
  say.check('still no question left the machine', world.questionsSeen().length === asked);

  say.title('A helper that dies');
  await mirage.kill9();
  const stale = await client.run('curl', ['-sS', '-m', '3', `http://${fake}/`]);
  say.step('a', 'kill -9: an address that some program still caches fails at once instead of leaking to the provider.');
  say.evidence(`client$ curl http://${fake}/`, `${stale.stderr.trim()}   (${stale.ms.toFixed(0)} ms)`);
  say.check('refused within a second', stale.code === 7 && stale.ms < 1_000);
  await mirage.start();
  await client.sh(`for i in $(seq 60); do ip link show mirage0 >/dev/null 2>&1 && exit 0; sleep 0.05; done`);
  await waitUntil(async () => (await mirage.json<{ tunnel: { kind: string } }>('status')).tunnel.kind === 'running');
  const cached = await client.run('curl', ['-sS', '-m', '5', '-H', `Host: ${name}`, `http://${fake}/`]);
  say.step('b', 'Started again, it undoes, then resumes: the cached fake address still means the same name.');
  say.evidence(`client$ curl -H "Host: ${name}" http://${fake}/   # no DNS asked`, cached.stdout + cached.stderr);
  say.check('the connection went out by name again', cached.stdout.includes('client=203.0.113.1'));

  await mirage.off();
  say.title('Off: what is left');
  const after = await client.networkState();
  say.check('resolv.conf, rules, routes and devices are byte for byte as before', after === before);
  await contrasts(say, dante.output.length, () => dante.output);
}

/** What the same costs in other ways: a redirecting client (redsocks) and an application that speaks SOCKS5 itself. */
async function contrasts(say: Narrator, logStart: number, log: () => string): Promise<void> {
  const { client } = world;
  say.title('The same without Mirage');
  await client.write(
    '/run/redsocks.conf',
    'base { log = stderr; daemon = off; redirector = iptables; }\nredsocks { local_ip = 127.0.0.1; local_port = 12345; ip = 10.20.0.1; port = 1080; type = socks5; }\n',
  );
  const redsocks = client.spawn('redsocks', ['-c', '/run/redsocks.conf']);
  await world.waitForListener(client, 12_345);
  await client.sh('nft -f -', {
    input:
      'table ip redsocks {\n chain out {\n type nat hook output priority -100;\n ip daddr 203.0.113.0/24 tcp dport 80 redirect to :12345;\n }\n}\n',
  });
  let asked = world.questionsSeen().length;
  const redirected = await client.run('curl', ['-sS', '-4', '-m', '5', 'http://direct.example/']);
  const questions = world.questionsSeen().slice(asked);
  say.step(
    'c',
    'Redirect style (nft + redsocks): curl cannot connect before it has an address, so the name is resolved for nothing.',
  );
  say.evidence('router$ questions of the client for direct.example', questions.join('\n'));
  say.evidence(
    'router$ log of dante',
    log()
      .slice(logStart)
      .split('\n')
      .filter((line) => line.includes('request received'))
      .map((line) => line.replace(/^.*ATYP/, 'ATYP'))
      .join('\n'),
  );
  say.check(
    'it costs an upstream question, and the SOCKS server gets an address (ATYP 1) instead of the name',
    redirected.stdout.includes('client=203.0.113.1') && questions.length === 1 && /ATYP: 1/.test(log().slice(logStart)),
  );
  const hidden = await client.run('curl', ['-sS', '-m', '5', `http://${name}/`]);
  say.check(
    `and ${name}, which only the far side can resolve, cannot be reached: "${hidden.stderr.trim()}"`,
    hidden.code === 6,
  );
  await redsocks.stop();
  await client.sh('nft delete table ip redsocks');

  asked = world.questionsSeen().length;
  const explicit = await client.run('curl', ['-sS', '-m', '5', '-x', 'socks5h://10.20.0.1:1080', `http://${name}/`]);
  say.step('d', 'Explicit SOCKS5 (curl -x socks5h://…): no question at all, but every program must be told.');
  say.check(
    `reached by name with ${world.questionsSeen().length - asked} questions`,
    explicit.stdout.includes('client=203.0.113.1') && world.questionsSeen().length === asked,
  );
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) if (await condition()) return;
  throw new Error('waited in vain');
}
