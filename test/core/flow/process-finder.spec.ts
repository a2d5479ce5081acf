import { expect, test } from 'vitest';
import { CachedProcessFinder } from '../../../core/flow/process-finder.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const curl = { pid: 7, uid: 1000, name: 'curl', path: '/usr/bin/curl' };
const from = { host: '198.18.0.1', port: 5 };
const to = { host: '198.18.3.4', port: 443 };

function finder(answer: () => Promise<typeof curl | undefined>) {
  const clock = new ManualClock();
  let asked = 0;
  const found = new CachedProcessFinder(
    () => {
      asked += 1;
      return answer();
    },
    () => clock.monotonic(),
  );
  return { clock, found, asked: () => asked };
}

test('one question a flow, even when two ask at once', async () => {
  const { found, asked } = finder(() => Promise.resolve(curl));
  expect(await Promise.all([found.find('tcp', from, to), found.find('tcp', from, to)])).toEqual([curl, curl]);
  await found.find('udp', from, to);
  await found.find('tcp', { ...from, port: 6 }, to);
  expect(asked()).toBe(3);
});

test('a port may be another program’s later', async () => {
  const { clock, found, asked } = finder(() => Promise.resolve(curl));
  await found.find('tcp', from, to);
  await clock.advance(6000);
  await found.find('tcp', from, to);
  expect(asked()).toBe(2);
});

test.each([
  ['nothing', () => Promise.resolve(undefined)],
  ['a failure', () => Promise.reject(new Error('no permission'))],
])('%s is no process and is not remembered', async (_what, answer) => {
  const { found, asked } = finder(answer);
  expect(await found.find('tcp', from, to)).toBeUndefined();
  expect(await found.find('tcp', from, to)).toBeUndefined();
  expect(asked()).toBe(2);
});
