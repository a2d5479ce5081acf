/** Names in the first bytes of real clients' connections; and that looking for them costs nobody a byte or a connection. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const rules = ['DOMAIN-SUFFIX,hidden.example,micro', 'DOMAIN-KEYWORD,cluster,micro', 'MATCH,DIRECT'];
/** Ports of servers that speak first, or of none that anybody would expect: all are looked at here, but for the last. */
const looked = [2525, 40001];
const plainPort = 40002;
const sniffer = `sniffer:
  enable: true
  sniff:
    TLS: { ports: [443, ${looked.join(', ')}] }
    HTTP: { ports: [80, 7, ${looked.join(', ')}] }
  skip-domain: ['+.skipped.hidden.example']
  skip-dst-address: [203.0.113.81/32]
`;
/** Greets, takes everything up to the FIN, and tells its length and hash. */
const greeter = `
for (const port of [${[...looked, plainPort].join(', ')}]) require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  const hash = require('node:crypto').createHash('sha256'); let length = 0;
  socket.on('error', () => {}); socket.write('220 welcome\\r\\n');
  socket.on('data', (chunk) => { length += chunk.length; hash.update(chunk); });
  socket.on('end', () => socket.end(length + ' ' + hash.digest('hex')));
}).listen(port, '203.0.113.80', () => console.log('listens ' + port));`;
/** Connects, waits after the greeting, sends a megabyte, and tells what it saw. */
const greeted = `
const [port, wait] = process.argv.slice(1).map(Number); const { createHash, randomBytes } = require('node:crypto');
const bytes = randomBytes(1_000_003); const begun = performance.now(); let text = ''; let greetedMs;
const socket = require('node:net').connect({ port, host: '203.0.113.80', allowHalfOpen: true });
socket.on('data', (chunk) => { if (greetedMs === undefined) { greetedMs = performance.now() - begun; setTimeout(() => socket.end(bytes), wait); } text += chunk; });
socket.on('error', (error) => { text += error.code; });
socket.on('close', () => console.log(JSON.stringify({ text, greetedMs, expected: '220 welcome\\r\\n1000003 ' + createHash('sha256').update(bytes).digest('hex') })));`;
/** Sends pieces after pauses, and prints what comes back within a second after the last. */
const slowly = `
const [port, ...script] = process.argv.slice(1); let text = '';
const socket = require('node:net').connect(Number(port), '203.0.113.80');
socket.on('data', (chunk) => { text += chunk; }); socket.on('error', (error) => { text += error.code; });
socket.on('connect', async () => {
  for (const step of script) { const [ms, ...rest] = step.split(':'); await new Promise((done) => setTimeout(done, Number(ms))); socket.write(rest.join(':').replaceAll('|', '\\r\\n')); }
  setTimeout(() => { console.log(text); socket.destroy(); }, 1000);
});`;

describeInLab('sniffing', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.web.sh('ip addr add 203.0.113.81/24 dev eth0');
    await world.startWeb();
    await world.startHttps();
    const other = world.web.spawn(process.execPath, [
      new URL('../../support/web-server.ts', import.meta.url).pathname,
      '203.0.113.81',
    ]);
    await other.printed(/ready/);
    await world.web.spawn(process.execPath, ['-e', greeter]).printed(new RegExp(`listens ${plainPort}`));
    await world.startMicrosocks(world.router, '10.20.0.1', 1082);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(rules, sniffer));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** curl with a real address that it did not learn from us. */
  const curl = (host: string, scheme = 'http', address = '203.0.113.80', ...args: string[]) =>
    world.client.run('curl', [
      '-sSk',
      '-m',
      '8',
      '--resolve',
      `${host}:${scheme === 'http' ? 80 : 443}:${address}`,
      ...args,
      `${scheme}://${host}/`,
    ]);
  const node = (script: string, ...args: string[]) => world.client.run(process.execPath, ['-e', script, '--', ...args]);
  const row = async (host: string): Promise<ConnectionRow | undefined> =>
    (await mirage.connections()).find(({ destination }) => destination.host === host);
  const sniffed = { domainSource: 'sniffed', chain: ['micro'], rule: { type: 'DOMAIN-SUFFIX' } };

  describe('finds the name of a connection to a bare address', () => {
    test('in the SNI and the Host of curl: it goes by name through the proxy', async () => {
      expect((await curl('tls.hidden.example', 'https')).stdout).toContain('sni=tls.hidden.example');
      expect(await row('tls.hidden.example')).toMatchObject(sniffed);
      expect((await curl('http.hidden.example')).stdout).toContain('host=http.hidden.example client=203.0.113.1');
      expect(await row('http.hidden.example')).toMatchObject(sniffed);
    });

    test('that no public host can have: the rules see it, the proxy is told the address', async () => {
      for (const host of ['cluster', 'cluster.lan', 'cluster.invalid', 'my_cluster.example']) {
        expect((await curl(host)).stdout, host).toContain(`host=${host} client=203.0.113.1`);
        expect((await curl(host, 'https')).stdout, host).toContain(`sni=${host}`);
        expect(await row(host)).toMatchObject({ domainSource: 'sniffed', chain: ['micro'] });
      }
    });

    for (const [how, least] of [
      ['segments', 601],
      ['records', 100],
      ['large', 16_385],
    ] as const) {
      test(`in a ClientHello in an unusual form: ${how}`, async () => {
        const host = `${how}.hidden.example`;
        const program = new URL('../../support/split-hello.ts', import.meta.url).pathname;
        const { stdout } = await world.client.run(process.execPath, [program, '203.0.113.80', '443', host, how]);
        expect(stdout).toContain(`sni=${host}`);
        expect(Number(/hello=(\d+)/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(least);
        expect(await row(host)).toMatchObject(sniffed);
      });
    }

    test('what was looked at arrives whole: a body of 5 MB, equal sha256', async () => {
      const file = `${world.client.directory}/body`;
      const hash = (
        await world.client.sh(`head -c 5000000 /dev/urandom > ${file}; sha256sum < ${file} | cut -d' ' -f1`)
      ).trim();
      const sent = await curl(
        'body.hidden.example',
        'http',
        '203.0.113.80',
        '-H',
        'Expect:',
        '--data-binary',
        `@${file}`,
      );
      expect(sent.stdout.trim()).toBe(hash);
      expect(await row('body.hidden.example')).toMatchObject(sniffed);
    });
  });

  describe('leaves others alone', () => {
    test('skip-domain and skip-dst-address: no name, so the rule for addresses', async () => {
      expect((await curl('www.skipped.hidden.example')).stdout).toContain('client=10.20.0.2');
      expect((await curl('other.hidden.example', 'http', '203.0.113.81')).stdout).toContain('client=10.20.0.2');
      expect(await row('www.skipped.hidden.example')).toBeUndefined();
      expect(await row('other.hidden.example')).toBeUndefined();
    });

    for (const port of [...looked, plainPort]) {
      // The client says nothing before it has heard the server: who waits for it longer than for a moment waits for ever.
      test(`a server that speaks first at port ${port}: heard soon, and nothing is lost`, async () => {
        for (const wait of [0, 1_200]) {
          const connect = async (): Promise<number> => {
            const { stdout, stderr } = await node(greeted, String(port), String(wait));
            expect(stderr).toBe('');
            const {
              text,
              greetedMs: ms,
              expected,
            } = JSON.parse(stdout) as {
              text: string;
              greetedMs: number;
              expected: string;
            };
            expect(text).toBe(expected);
            return ms;
          };
          const greetedMs = await connect();
          // What the first connection showed is known at the second.
          if (port !== plainPort && wait === 0) expect(greetedMs, 'it was looked at').toBeGreaterThan(200);
          // Who waits for the 300 ms is late every time; who is held up by others is not.
          if (wait > 0 && greetedMs >= 250)
            await eventually(async () => expect(await connect(), 'it is known here').toBeLessThan(250));
        }
      });
    }

    test('a client that is silent for long, or stops in the middle of a line, is heard in the end', async () => {
      expect((await node(slowly, '7', '900:late but whole')).stdout).toBe('late but whole\n');
      const { stdout } = await node(
        slowly,
        '80',
        '0:GE',
        '700:T / HTTP/1.1|Host: slow.hidden.example|Connection: close||',
      );
      expect(stdout).toContain('host=slow.hidden.example client=10.20.0.2');
    });
  });

  test('redir-host: the name that the connection tells wins over the one that was asked for last', async () => {
    await mirage.enhanced(
      profile(['DOMAIN,a.direct.example,micro', 'MATCH,DIRECT'], sniffer, { 'enhanced-mode': 'redir-host' }),
    );
    for (const name of ['a.direct.example', 'b.direct.example']) {
      const answer = await world.client.run('dig', ['+short', '+tries=1', name]);
      expect(answer.stdout).toBe('203.0.113.80\n');
    }
    expect((await curl('a.direct.example')).stdout).toContain('host=a.direct.example client=203.0.113.1');
    expect(await row('a.direct.example')).toMatchObject({ domainSource: 'sniffed', chain: ['micro'] });
    expect((await curl('b.direct.example', 'https')).stdout).toContain('sni=b.direct.example');
    expect(await row('b.direct.example')).toMatchObject({ chain: ['DIRECT'] });
  });
});
