import { EventEmitter } from 'node:events';
import type { App } from 'electron';
import { expect, test } from 'vitest';
import { followInstallLinks, offerIn } from '../../electron/install-links.ts';

const link = 'clash://install-config?url=https%3A%2F%2Fsub.example%2Fx&name=Mine';
const offer = { url: 'https://sub.example/x', host: 'sub.example', path: '/x', hidden: false, name: 'Mine' };

function fakeApp(isPackaged: boolean) {
  const registered: string[] = [];
  const setAsDefaultProtocolClient = (scheme: string) => registered.push(scheme) > 0;
  const app = Object.assign(new EventEmitter(), { isPackaged, setAsDefaultProtocolClient });
  return { app: app as unknown as App, emitter: app, registered };
}

test('the first link of a command line that may be offered, wherever it stands', () => {
  expect(
    offerIn(['/usr/bin/mirage', '--enhanced', 'clash://quit', link, 'clash://install-config?url=https://b.example']),
  ).toEqual(offer);
  for (const args of [[], ['--enhanced'], ['clash://install-config?url=http://a.example'], ['https://sub.example/x']])
    expect(offerIn(args)).toBeUndefined();
});

test('only the installed app registers for such links', () => {
  const installed = fakeApp(true);
  followInstallLinks(installed.app, [], () => undefined);
  expect(installed.registered).toEqual(['clash', 'mirage']);
  const sources = fakeApp(false);
  followInstallLinks(sources.app, [], () => undefined);
  expect(sources.registered).toEqual([]);
});

test('links come with a second start, or as an event; everything else is passed over', () => {
  const { app, emitter } = fakeApp(false);
  const offers: unknown[] = [];
  followInstallLinks(app, ['--enhanced', link], (each) => offers.push(each));
  emitter.emit('second-instance', {}, ['/usr/bin/mirage', '--allow-file-access-from-files', link]);
  emitter.emit('second-instance', {}, ['/usr/bin/mirage', 'clash://quit']);
  let prevented = 0;
  emitter.emit('open-url', { preventDefault: () => (prevented += 1) }, link);
  emitter.emit('open-url', { preventDefault: () => (prevented += 1) }, 'https://sub.example/x');
  expect([offers, prevented]).toEqual([[offer, offer, offer], 2]);
});
