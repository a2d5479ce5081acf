import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { maxProfiles } from '../../../core/profile/profile-index.ts';
import { ProfileLibrary } from '../../../core/profile/profile-library.ts';
import { shownAddress } from '../../../core/profile/shown-address.ts';
import type { DownloadWatch } from '../../../core/profile/subscription.ts';
import { Downloader, downloadStopped } from '../../../core/provider/download/download.ts';
import { fetchSubscription, infoOf, nameOf, profileOf } from '../../../core/provider/subscription.ts';
import { type Answer, answers, SubscriptionServer } from '../../support/subscription-server.ts';

let server: SubscriptionServer;
let directory: string;
let now: number;
const code = (expected: string) => expect.objectContaining({ code: expected });
const library = (): ProfileLibrary =>
  new ProfileLibrary({
    directory,
    fetch: fetchSubscription(new Downloader({ clock: systemClock, proxy: () => undefined, version: '1' })),
    now: () => now,
  });
const textOf = (port: number): string => `mixed-port: ${7000 + port}\nproxies: []\nrules: ["MATCH,DIRECT"]\n`;
const portInUse = async () => ((await library().load()).config?.mixed?.port ?? Number.NaN) - 7000;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-subscription-'));
  now = 1_700_000_000_000;
  server = await SubscriptionServer.start();
  server.routes.set(
    '/sub',
    answers.text(textOf(1), {
      'content-disposition': "attachment; filename*=UTF-8''%E6%88%91%E7%9A%84.yaml",
      'subscription-userinfo': 'upload=1; download=2; total=10; expire=1800000000',
      'profile-update-interval': '12',
    }),
  );
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

test('an address becomes a profile: with the name that the server gives it, and what it says of itself', async () => {
  const entry = await library().addUrl(server.url('/sub'));
  expect(entry).toMatchObject({
    name: '我的',
    active: true,
    source: { kind: 'url', address: server.url('/sub') },
    subscription: {
      updatedAt: now,
      interval: 12 * 3600,
      info: { upload: 1, download: 2, total: 10, expires: 1_800_000_000_000 },
    },
  });
  expect(await portInUse()).toBe(1);
  expect(statSync(entry.source.path).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, 'profiles.json')).mode & 0o777).toBe(0o600);
});

test('the same address again is the same profile, looked at anew', async () => {
  const first = await library().addUrl(server.url('/sub'));
  server.routes.set('/sub', answers.text(textOf(2)));
  expect((await library().addUrl(server.url('/sub'))).id).toBe(first.id);
  expect(await portInUse()).toBe(2);
  expect(await library().list()).toHaveLength(1);
});

test('what has not changed is not sent again', async () => {
  const { id } = await library().addUrl(server.url('/sub'));
  now += 1000;
  const after = await library().update(id);
  expect(server.heads[1]).toHaveProperty('if-none-match');
  expect(after.subscription?.updatedAt).toBe(now - 1000);
});

describe('whatever comes, the version that works stays', () => {
  test.each<[string, Answer, string]>([
    ['a web page that asks to sign in', answers.page, 'CONFIG_INVALID'],
    ['nothing', answers.text(''), 'CONFIG_INVALID'],
    ['a profile with a mistake', answers.text('rules: nonsense'), 'CONFIG_INVALID'],
    ['broken YAML', answers.text('rules: [a\nb: c'), 'CONFIG_SYNTAX'],
    ['not found', answers.status(404), 'DOWNLOAD_STATUS'],
    ['50 MiB of zeros', answers.zeros(50), 'DOWNLOAD_TOO_LARGE'],
    ['a bomb', answers.bomb(100), 'DOWNLOAD_TOO_LARGE'],
    ['cut in the middle', answers.cut(textOf(3)), 'DOWNLOAD_CUT'],
    ['redirects without an end', answers.redirect('/sub'), 'DOWNLOAD_FAILED'],
  ])('%s', async (_, answer, expected) => {
    const { id } = await library().addUrl(server.url('/sub'));
    server.routes.set('/sub', answer);
    await expect(library().update(id)).rejects.toThrow(code(expected));
    expect(await portInUse()).toBe(1);
    const [entry] = await library().list();
    expect(entry?.subscription).toMatchObject({ updatedAt: now, error: { code: expected } });
    server.routes.set('/sub', answers.text(textOf(4)));
    expect((await library().update(id)).subscription?.error).toBeUndefined();
    expect(await portInUse()).toBe(4);
  });

  const withNodes = `proxies: [{ name: A, type: ss, server: 192.0.2.1, port: 1080 }]\n${textOf(5).split('\n')[0]}\n`;
  test.each<[string, string, string]>([
    ['a profile whose list of proxies is empty', textOf(6), 'DOWNLOAD_EMPTY'],
    ['a profile that has none of the key', 'mixed-port: 7006\nrules: ["MATCH,DIRECT"]', 'DOWNLOAD_EMPTY'],
    ['a profile of whose proxies none is understood', `proxies: [1, { name: x }]\nmixed-port: 7006`, 'DOWNLOAD_EMPTY'],
    ['links of which none is understood', 'vmess://broken\nss://\n', 'DOWNLOAD_UNREADABLE'],
    ['the same in base64', Buffer.from('vmess://broken\nfoo://\n').toString('base64'), 'DOWNLOAD_UNREADABLE'],
    ['lines that are no links', 'your plan has ended\nask the support\n', 'CONFIG_INVALID'],
    ['base64 of a page', Buffer.from('<html><body>Sign in</body></html>').toString('base64'), 'CONFIG_INVALID'],
    ['an answer of an API', '{"message":"token expired","data":null}', 'CONFIG_INVALID'],
  ])('%s does not take the place of nodes', async (_, text, expected) => {
    server.routes.set('/sub', answers.text(withNodes));
    const { id } = await library().addUrl(server.url('/sub'));
    server.routes.set('/sub', answers.text(text));
    await expect(library().update(id)).rejects.toThrow(code(expected));
    expect(await portInUse()).toBe(5);
    expect((await library().list())[0]?.subscription).toMatchObject({ error: { code: expected } });
    // Nor is it asked for as if it were there.
    server.routes.set('/sub', answers.text(text));
    await expect(library().update(id)).rejects.toThrow(code(expected));
  });

  test('without nodes before, there is nothing to lose', async () => {
    const { id } = await library().addUrl(server.url('/sub'));
    server.routes.set('/sub', answers.text(textOf(6)));
    await library().update(id);
    expect(await portInUse()).toBe(6);
  });

  test.each(['vmess://broken\n', 'foo://x\n', 'ss://'])('links without a node are not added: %s', async (text) => {
    server.routes.set('/sub', answers.text(text));
    await expect(library().addUrl(server.url('/sub'))).rejects.toThrow(code('DOWNLOAD_UNREADABLE'));
    expect(await library().list()).toEqual([]);
  });

  test('one that never worked is not added', async () => {
    server.routes.set('/sub', answers.page);
    await expect(library().addUrl(server.url('/sub'))).rejects.toThrow(code('CONFIG_INVALID'));
    await expect(library().addUrl('file:///etc/passwd')).rejects.toThrow(code('DOWNLOAD_ADDRESS'));
    expect(await library().list()).toEqual([]);
    expect(existsSync(join(directory, 'profiles'))).toBe(false);
  });
});

test('is due after its interval, and an hour after a look that failed', async () => {
  const { id } = await library().addUrl(server.url('/sub'));
  now += 11 * 3_600_000;
  expect(library().due()).toEqual([]);
  now += 2 * 3_600_000;
  expect(library().due()).toEqual([id]);
  server.routes.set('/sub', answers.status(500));
  await expect(library().update(id)).rejects.toThrow(code('DOWNLOAD_STATUS'));
  expect(library().due()).toEqual([]);
  now += 3_700_000;
  expect(library().due()).toEqual([id]);
});

test('a file that it names is not read: it comes from somebody else', async () => {
  writeFileSync(join(directory, 'secret.yaml'), 'payload:\n  - a.example\n');
  server.routes.set(
    '/sub',
    answers.text(
      'rule-providers: { f: { type: file, behavior: domain, path: ./secret.yaml } }\nrules: ["RULE-SET,f,DIRECT", "MATCH,DIRECT"]',
    ),
  );
  await library().addUrl(server.url('/sub'));
  expect((await library().load()).directory).toBeUndefined();
});

test('removed with all that was kept of it', async () => {
  const { id } = await library().addUrl(server.url('/sub'));
  library().keepGood(await library().load());
  await library().remove(id);
  expect(readdirSync(join(directory, 'profiles'))).toEqual([]);
  expect(readFileSync(join(directory, 'profiles.json'), 'utf8')).not.toContain('http');
});

test('a download is watched, and ended by the person: nothing is added, and no failure is noted', async () => {
  server.routes.set('/slow', (_, response) => void response.writeHead(200, { 'content-length': '10' }).write('ab'));
  const stopped = expect.objectContaining({ code: 'DOWNLOAD_STOPPED' });
  const begun = async (work: (watch: DownloadWatch) => Promise<unknown>) => {
    const stop = new AbortController();
    const progress: unknown[] = [];
    const done = work({
      signal: stop.signal,
      onProgress: (each) => {
        progress.push(each);
        stop.abort(downloadStopped());
      },
    });
    await expect(done).rejects.toEqual(stopped);
    return progress;
  };
  expect(await begun((watch) => library().addUrl(server.url('/slow'), watch))).toEqual([{ bytes: 2, total: 10 }]);
  expect(await library().list()).toEqual([]);
  const { id, subscription } = await library().addUrl(server.url('/sub'), { name: 'Mine' });
  expect((await library().list())[0]?.name).toBe('Mine');
  server.routes.set('/sub', server.routes.get('/slow') ?? answers.page);
  await begun((watch) => library().update(id, watch));
  expect((await library().list())[0]?.subscription).toEqual(subscription);
  expect(await portInUse()).toBe(1);
});

test('when it is looked for again is known: after its interval, sooner after a failure', async () => {
  const { id, subscription } = await library().addUrl(server.url('/sub'));
  expect(subscription).toMatchObject({ checkedAt: now, nextAt: now + 12 * 3_600_000 });
  now += 5000;
  server.routes.set('/sub', answers.status(500));
  await library()
    .update(id)
    .catch(() => undefined);
  const after = (await library().list())[0]?.subscription;
  expect(after).toMatchObject({ updatedAt: now - 5000, checkedAt: now, nextAt: now + 3_600_000 });
  expect(after?.error?.code).toBe('DOWNLOAD_STATUS');
});

test('removed while it is downloaded: nothing comes back, and nothing is left', async () => {
  const ours = library();
  const { id } = await ours.addUrl(server.url('/sub'));
  server.routes.set('/sub', (request, response) => {
    void library()
      .remove(id)
      .then(() => answers.text(textOf(2))(request, response));
  });
  await expect(ours.update(id)).rejects.toThrow(code('PROFILE_UNKNOWN'));
  expect(await library().list()).toEqual([]);
  expect(readdirSync(join(directory, 'profiles'))).toEqual([]);
});

test('added by two at once, it is there once; where there is no room, no file is left', async () => {
  await Promise.all([library().addUrl(server.url('/sub')), library().addUrl(server.url('/sub'))]);
  expect(await library().list()).toHaveLength(1);
  expect(readdirSync(join(directory, 'profiles'))).toHaveLength(1);
  for (let i = 1; i < maxProfiles; i++) await library().add(join(directory, `${i}.yaml`));
  server.routes.set('/other', answers.text(textOf(2)));
  await expect(library().addUrl(server.url('/other'))).rejects.toThrow(code('PROFILE_STORE'));
  expect(readdirSync(join(directory, 'profiles'))).toHaveLength(1);
});

describe('what says that nothing has changed is about the text that is there', () => {
  const conditional = () => server.heads.map((head) => [head['if-none-match'], head['if-modified-since']]);

  test('a version without a tag does not keep the tag of the one before', async () => {
    const { id } = await library().addUrl(server.url('/sub'));
    server.routes.set('/sub', (_, response) => void response.end(textOf(2)));
    await library().update(id);
    await library().update(id);
    expect(conditional().map(([tag]) => tag !== undefined)).toEqual([false, true, false]);
  });

  test('a text that came beside them is not theirs: a crash between the files, or a person', async () => {
    const { id, source } = await library().addUrl(server.url('/sub'));
    writeFileSync(source.path, textOf(9));
    await library().update(id);
    expect(conditional()).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(await portInUse()).toBe(1);
  });
});

test.each([
  [
    'https://sub.example/api/v1/client/subscribe?token=0123456789abcdef',
    'https://sub.example/api/v1/client/subscribe?…',
  ],
  ['https://user:secret@sub.example:8443/link/AbCdEf0123456789?clash=1#x', 'https://sub.example:8443/link/…?…'],
  ['https://sub.example/s/short/home.yaml', 'https://sub.example/s/…/….yaml'],
  ['http://192.0.2.1/sub', 'http://192.0.2.1/sub'],
  ['https://sub.example/', 'https://sub.example/'],
  ['nonsense with a secret', '…'],
])('%s is shown as %s', (url, shown) => {
  expect(shownAddress(url)).toBe(shown);
});

test('the whole address is nowhere but in the index: neither in the list nor in what is told', async () => {
  server.routes.set('/sub?token=s3cr3t', answers.text(textOf(1)));
  const { id } = await library().addUrl(server.url('/sub?token=s3cr3t'));
  server.routes.set('/sub?token=s3cr3t', answers.status(403));
  await expect(library().update(id)).rejects.toThrow(code('DOWNLOAD_STATUS'));
  expect(JSON.stringify([await library().list(), await library().load()])).not.toContain('s3cr3t');
  expect(readFileSync(join(directory, 'profiles.json'), 'utf8')).toContain('s3cr3t');
});

test('two processes change the list at once, and nothing is lost', async () => {
  const other = library();
  await other.list();
  const [a, b] = [join(directory, 'a.yaml'), join(directory, 'b.yaml')];
  for (const file of [a, b]) writeFileSync(file, textOf(1));
  await Promise.all([library().addUrl(server.url('/sub')), other.add(a), library().add(b)]);
  expect(await library().list()).toHaveLength(3);
});

test('a list of links becomes a profile with something to choose', async () => {
  const links = 'socks5://192.0.2.1:1080#A\ntrojan://x@192.0.2.2:443#B\n';
  expect(profileOf(textOf(1))).toBe(textOf(1));
  for (const text of [links, Buffer.from(links).toString('base64')]) {
    server.routes.set('/sub', answers.text(text));
    await library().addUrl(server.url('/sub'));
    const { config } = await library().load();
    expect(config?.groups.map(({ name, members }) => [name, members])).toEqual([
      ['Proxy', ['Auto', 'A', 'B']],
      ['Auto', ['A', 'B']],
    ]);
    expect(config?.rules.at(-1)).toMatchObject({ type: 'MATCH', policy: 'Proxy' });
  }
});

test.each([
  ['attachment; filename=abc.yaml', 'abc'],
  ['attachment; filename="a b.yml"; filename*=UTF-8\'\'%E4%B8%AD', '中'],
  ["attachment; filename*=utf-8''..%2F..%2Fetc", '....etc'],
  ['inline', undefined],
  ['attachment; filename=""', undefined],
])('the name in %s is %s', (disposition, name) => {
  expect(nameOf(disposition)).toBe(name);
});

test.each([
  [
    'upload=0; download=455727941; total=536870912000; expire=1762099200',
    { upload: 0, download: 455727941, total: 536870912000, expires: 1762099200000 },
  ],
  ['total=1.5;download=2', { download: 2, total: 1 }],
  ['expire=0; total=0', undefined],
  ['nonsense', undefined],
])('%s', (text, info) => {
  expect(infoOf(text)).toEqual(info);
});
