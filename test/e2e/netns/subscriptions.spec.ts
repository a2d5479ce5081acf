/** Whatever a subscription's server does, DIRECT and through a proxy: it has its code, and the profile that works stays in force. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const host = '203.0.113.80';
const at = `http://${host}:8000`;
const node = '{ name: far, type: socks5, server: 10.20.0.1, port: 1080 }';
/** `way`: how the server itself is reached. */
const subscription = (way: string, note = 1) => `# ${note}
mixed-port: 7890
dns: { nameserver: [10.20.0.1] }
proxies: [${node}]
rule-providers:
  shut: { type: http, behavior: domain, format: text, url: '${at}/rules', interval: 3600 }
rules: ['RULE-SET,shut,REJECT', 'IP-CIDR,${host}/32,${way}', 'MATCH,DIRECT']
`;
const list = 'shut.example\n+.direct.example\n';

/** What it answers, and the code that this has for a profile and for a set of rules. */
const ill = (
  [
    ['not found', 'status-404', 'DOWNLOAD_STATUS'],
    ['an error of its own', 'status-503', 'DOWNLOAD_STATUS'],
    ['a page that asks to sign in', 'page', 'CONFIG_INVALID', 'DOWNLOAD_UNREADABLE'],
    ['nothing', 'text ', 'CONFIG_INVALID', 'DOWNLOAD_EMPTY'],
    ['lists without an entry', 'text proxies: []\npayload: []\n', 'DOWNLOAD_EMPTY', 'DOWNLOAD_UNREADABLE'],
    [
      'links of which none is understood',
      'text vmess://broken\nfoo://x\n',
      'DOWNLOAD_UNREADABLE',
      'DOWNLOAD_UNREADABLE',
    ],
    ['50 MiB of zeros', 'zeros', 'DOWNLOAD_TOO_LARGE'],
    ['a bomb', 'bomb', 'DOWNLOAD_TOO_LARGE'],
    ['half of it', `cut ${'# a line of a profile\n'.repeat(1000)}`, 'DOWNLOAD_CUT'],
    ['a redirect to itself', `redirect ${at}/sub`, 'DOWNLOAD_FAILED'],
    ['a redirect to this machine', 'redirect http://127.0.0.1:7890/', 'DOWNLOAD_FAILED'],
    ['a redirect to the network', 'redirect http://10.20.0.1/', 'DOWNLOAD_FAILED'],
    ['a redirect to a name of this machine', 'redirect http://localhost:7890/', 'DOWNLOAD_FAILED'],
    ['a redirect to a file', 'redirect file:///etc/passwd', 'DOWNLOAD_ADDRESS'],
  ] as const
).map(([name, answered, profile, rules = profile]) => ({ name, answered, profile, rules }));

describeInLab('subscriptions', () => {
  let world: World;
  let mirage: Mirage;
  let server: Running;
  const answer = (text: string) => world.web.write(`${world.web.directory}/answer`, text);
  const asked = () => server.output.split('\n').filter((line) => line.startsWith('asked'));
  const inForce = async () => (await mirage.json<Snapshot>('status')).config.hash;
  const entry = async () => (await mirage.json<ProfileEntry[]>('profile', 'list'))[0];
  const curl = async (name: string) =>
    (await world.client.run('curl', ['-sS', '-m', '10', '-o', '/dev/null', `http://${name}/`])).code;
  /** Most memory that the command took, MiB. */
  const peakOf = async (...args: string[]) => {
    const script =
      'import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)';
    const command = mirage.command(...args);
    const { stdout } = await world.client.run('python3', ['-c', script, ...command.words], { env: command.env });
    return Number(stdout) / 1024;
  };

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startMicrosocks(world.router, '10.20.0.1', 1080);
    await world.web.write(`${world.web.directory}/answer.other`, list);
    await answer(`text ${subscription('DIRECT')}`);
    const script = new URL('../../support/subscription-server-process.ts', import.meta.url).pathname;
    server = world.web.spawn(process.execPath, [script, host, `${world.web.directory}/answer`]);
    await server.printed(/ready/);
    mirage = new Mirage(world.client);
    await mirage.start();
    const { added } = await mirage.json<{ added: ProfileEntry }>('profile', 'add', `${at}/sub?token=s3cr3t`);
    expect(added).toMatchObject({ active: true, source: { kind: 'url', address: `${at}/sub?…` } });
  });
  afterAll(async () => {
    await mirage?.off();
    await server?.stop('SIGTERM');
    await world?.[Symbol.asyncDispose]();
  });

  describe.each(['DIRECT', 'far'])('through %s', (way) => {
    beforeAll(async () => {
      await answer(`text ${subscription(way)}`);
      const { id = '' } = (await entry()) ?? {};
      await mirage.json('profile', 'update', id);
      await mirage.json('enhanced', 'on');
      await answer(`text ${list}`);
      await mirage.json('providers', 'update');
    });

    test.each(ill)('$name', async ({ answered, profile: ofProfile, rules: ofRules }) => {
      const hash = await inForce();
      const { id = '' } = (await entry()) ?? {};
      await answer(answered);
      const profile = await mirage.cli('profile', 'update', id);
      expect([profile.code === 0, profile.stderr]).toEqual([false, expect.stringContaining(ofProfile)]);
      const rules = await mirage.cli('providers', 'update', 'shut');
      expect([rules.code === 0, rules.stderr]).toEqual([false, expect.stringContaining(ofRules)]);
      expect(profile.stderr + rules.stderr + rules.stdout).not.toContain('s3cr3t');
      expect((await entry())?.subscription?.error?.code).toBe(ofProfile);
      // All that was in force is, and would be after a start.
      expect(await inForce()).toBe(hash);
      await mirage.json('profile', 'use', id);
      expect(await inForce()).toBe(hash);
      expect((await mirage.json<ProviderRow[]>('providers'))[0]).toMatchObject({ entries: 2 });
      expect([await curl('direct.example'), await curl(host)]).toEqual([7, 0]);
    });

    test('what is right is in force, whatever type it claims, packed, and behind a redirect; what is the same is not sent', async () => {
      const { id = '' } = (await entry()) ?? {};
      await answer(`untyped ${subscription(way, 2)}`);
      expect(await mirage.json('profile', 'update', id)).toMatchObject({ changed: true });
      expect(await mirage.json('profile', 'update', id)).toMatchObject({ changed: false });
      expect(asked().at(-1)).toBe('asked /sub?token=s3cr3t by tag');
      await answer(`gzip ${subscription(way, 3)}`);
      expect(await mirage.json('profile', 'update', id)).toMatchObject({ changed: true });
      // What came last had no tag: the one of before is not its own.
      await answer(`text ${subscription(way, 2)}`);
      expect(await mirage.json('profile', 'update', id)).toMatchObject({ changed: true });
      expect(asked().at(-1)).toBe('asked /sub?token=s3cr3t anew');
      await answer(`redirect ${at}/other`);
      expect(await mirage.json<ProviderRow[]>('providers', 'update')).toMatchObject([{ entries: 2 }]);
      expect((await entry())?.subscription).not.toHaveProperty('error');
    });

    test('what is too large takes no more memory than what is refused at once', async () => {
      const { id = '' } = (await entry()) ?? {};
      await answer('status-404');
      const least = await peakOf('profile', 'update', id);
      expect(least).toBeGreaterThan(10);
      for (const large of ['zeros', 'bomb']) {
        await answer(large);
        // A profile has 8 MiB at most; the rest is room for the collector.
        expect((await peakOf('profile', 'update', id)) - least, large).toBeLessThan(96);
      }
    });

    test('a server that stops in the middle is given up', async () => {
      const { id = '' } = (await entry()) ?? {};
      const hash = await inForce();
      await answer('stalled');
      const { code, stderr } = await mirage.cli('profile', 'update', id);
      expect([code, stderr]).toEqual([1, expect.stringContaining('DOWNLOAD_TIMEOUT')]);
      expect(await inForce()).toBe(hash);
    });

    test('a certificate that is for somebody else: nothing is added', async () => {
      await answer(`text ${subscription(way)}`);
      const { code, stderr } = await mirage.cli('profile', 'add', `https://${host}:8443/sub`);
      expect([code, stderr]).toEqual([1, expect.stringContaining('DOWNLOAD_TLS')]);
      expect(await mirage.json<ProfileEntry[]>('profile', 'list')).toHaveLength(1);
    });
  });
});
