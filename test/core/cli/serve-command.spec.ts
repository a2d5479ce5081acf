import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppService } from '../../../core/app/app-service.ts';
import { BrowserServer } from '../../../core/app/browser/browser-server.ts';
import { RendererFiles } from '../../../core/app/browser/renderer-files.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { Console } from '../../../core/cli/console.ts';
import { serve } from '../../../core/cli/serve-command.ts';
import { HelperDouble } from '../../support/helper-double.ts';
import { settle } from '../../support/manual-clock.ts';
import { ProfileLibraryDouble } from '../../support/profile-library-double.ts';
import { ProvidersDouble } from '../../support/providers-double.ts';

let directory: string;
let helper: HelperDouble;
let end: () => void;
let askLink: () => void;
let opened: string[];
let out: string;
let err: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-serve-'));
  writeFileSync(join(directory, 'index.html'), '<title>Mirage</title>');
  helper = new HelperDouble();
  opened = [];
  out = '';
  err = '';
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs until `end` is called. */
function serving(settings: { json?: boolean; enhanced?: boolean; open?: boolean } = {}): Promise<void> {
  const { json = false, enhanced = false, open = false } = settings;
  const service = new AppService({
    helper,
    profiles: new ProfileLibraryDouble(),
    providers: new ProvidersDouble(),
    report: () => undefined,
    clock: systemClock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
    enhancedAtStart: enhanced,
  });
  const files = new RendererFiles(directory);
  const server = new BrowserServer({ bridge: service, files, clock: systemClock, logger: silentLogger, port: 0 });
  const console = new Console({ write: (text) => (out += text) }, { write: (text) => (err += text) }, {});
  return serve(
    service,
    server,
    { json, enhanced, open },
    {
      console,
      interactive: true,
      ended: new Promise((resolve) => {
        end = resolve;
      }),
      onLinkWanted(handler) {
        askLink = handler;
        return () => undefined;
      },
      openBrowser: (url) => opened.push(url),
      sleep: () => new Promise((resolve) => setTimeout(resolve, 50)),
    },
  );
}

const links = () => [...out.matchAll(/http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{22}/g)].map(([link]) => link);

test('prints a link that works, and another on request', async () => {
  const done = serving();
  helper.up();
  await expect.poll(links).toHaveLength(1);
  askLink();
  expect(links()).toHaveLength(2);
  const [first = '', second = ''] = links();
  expect((await fetch(first, { redirect: 'manual' })).status).toBe(401);
  expect((await fetch(second, { redirect: 'manual' })).status).toBe(303);
  end();
  await done;
  await expect(fetch(second)).rejects.toThrow('fetch failed');
  expect(helper.closed).toBe(true);
});

test('with --enhanced the link comes once the mode is on, and the session ends with the program', async () => {
  const done = serving({ enhanced: true });
  await settle();
  helper.up();
  await expect.poll(links).toHaveLength(1);
  expect(helper.snapshot.tunnel.kind).toBe('running');
  end();
  await done;
  expect(helper.snapshot.tunnel.kind).toBe('stopped');
});

test('without a helper it is served all the same, and says what is missing once', async () => {
  const done = serving();
  helper.down({ code: 'HELPER_NOT_RUNNING', message: 'nothing listens', expected: 'start it' });
  await expect.poll(links).toHaveLength(1);
  helper.retry();
  helper.down({ code: 'HELPER_NOT_RUNNING', message: 'nothing listens', expected: 'start it' });
  expect(err).toBe('error HELPER_NOT_RUNNING: nothing listens\n  what to do: start it\n');
  helper.up();
  expect(err).toMatch(/the helper is there\n$/);
  end();
  await done;
});

test('opens a browser only when asked; --json prints the link as data', async () => {
  const done = serving({ json: true, open: true });
  await expect.poll(() => out).not.toBe('');
  const { url, address } = JSON.parse(out) as { url: string; address: string };
  expect(url.startsWith(`${address}?token=`)).toBe(true);
  expect(opened).toEqual([url]);
  end();
  await done;
});
