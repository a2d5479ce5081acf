import { beforeEach, describe, expect, test } from 'vitest';
import { ProfileDesk } from '../../../core/app/profile-desk.ts';
import { AppError } from '../../../core/base/app-error.ts';
import { deferred } from '../../../core/base/deferred.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { builtInProfile, ProfileLibraryDouble } from '../../support/profile-library-double.ts';

let library: ProfileLibraryDouble;
let clock: ManualClock;
let done: string[];
let desk: ProfileDesk;
let picked: { path: string; bytes: Uint8Array } | undefined;

let refusal: AppError | undefined;
beforeEach(() => {
  refusal = undefined;
  library = new ProfileLibraryDouble({ one: builtInProfile, two: builtInProfile });
  clock = new ManualClock();
  done = [];
  const inForce = {
    reload: async () => void done.push('reload'),
    relist: async () => void done.push('relist'),
    tellSoon: () => undefined,
    get refusalError() {
      return refusal;
    },
  };
  desk = new ProfileDesk({ profiles: library, clock, logger: silentLogger, pickFile: async () => picked }, inForce);
});

const url = 'https://sub.example/x';
const updating = async () =>
  desk.withProgress(await library.list()).map(({ id, updating: progress }) => [id, progress?.bytes ?? null]);
const stopped = (signal: AbortSignal | undefined) =>
  new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(AppError.from(signal.reason))));

describe('adding', () => {
  test('from an address: how far it is, one at a time, and it can be ended', async () => {
    library.download = async ({ signal, onProgress }) => {
      onProgress?.({ bytes: 5, total: 10 });
      await stopped(signal);
    };
    const added = desk.add({ from: { kind: 'url', url } });
    await settle();
    expect(desk.info()).toEqual({ adding: { bytes: 5, total: 10 } });
    await expect(desk.add({ from: { kind: 'text', text: '' } })).rejects.toMatchObject({ code: 'RPC_BUSY' });
    desk.stop({ what: 'adding' });
    await expect(added).rejects.toMatchObject({ code: 'DOWNLOAD_STOPPED' });
    expect(desk.info()).toEqual({});
    expect(await desk.add({ from: { kind: 'text', text: 'rules: []' }, name: 'N' })).toBe('N');
  });

  test('an offer from outside waits for the person; it is over when its address is added, or dismissed', async () => {
    const offer = { url, host: 'sub.example', path: '/', hidden: false };
    desk.propose(offer);
    expect(desk.info()).toEqual({ offer });
    await desk.add({ from: { kind: 'url', url: 'https://other.example/x' } });
    expect(desk.info()).toEqual({ offer });
    await desk.add({ from: { kind: 'url', url } });
    expect(desk.info()).toEqual({});
    desk.propose(offer);
    await desk.dismiss(url);
    expect(desk.info()).toEqual({});
  });

  test('a later offer waits for the answer to the first, and an answer is to the address that was shown', async () => {
    const offerAt = (i: number) => ({ url: urlAt(i), host: `${i}.example`, path: '/x', hidden: false });
    const urlAt = (i: number) => `https://${i}.example/x`;
    for (const i of [0, 1, 2, 3, 4, 5, 6]) desk.propose(offerAt(i));
    desk.propose(offerAt(0)); // the same link once more
    expect(desk.info()).toEqual({ offer: offerAt(0), moreOffers: 4 }); // of more than five the last are dropped
    await desk.dismiss(urlAt(2)); // a late answer to one that is not shown
    expect(desk.info()).toEqual({ offer: offerAt(0), moreOffers: 3 });
    await desk.dismiss(urlAt(0));
    await desk.dismiss(urlAt(0)); // the same answer of another window
    expect(desk.info()).toEqual({ offer: offerAt(1), moreOffers: 2 });
    await desk.add({ from: { kind: 'url', url: urlAt(1) } });
    expect(desk.info().offer).toEqual(offerAt(3));
  });

  test('a file only that the person chose, and the last one', async () => {
    expect(await desk.chooseFile()).toBeNull();
    picked = { path: '/home/mira/a.yaml', bytes: Buffer.from('rules: []') };
    const first = await desk.chooseFile();
    expect(first).toMatchObject({ name: 'a.yaml', path: '/home/mira/a.yaml', data: 'cnVsZXM6IFtd' });
    const second = await desk.chooseFile();
    await expect(desk.add({ from: { kind: 'file', id: first?.id ?? '' } })).rejects.toMatchObject({
      code: 'PROFILE_UNKNOWN',
    });
    expect(await desk.add({ from: { kind: 'file', id: second?.id ?? '' }, name: 'mine' })).toBe('mine');
  });

  test('links of which none is understood are no profile', async () => {
    await expect(desk.add({ from: { kind: 'text', text: 'nothing://a.example:1' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('updating', () => {
  test('each has its progress; one is ended, the other goes on; the one in use is applied', async () => {
    const gate = deferred<void>();
    library.download = ({ signal, onProgress }) => {
      onProgress?.({ bytes: 7 });
      return Promise.race([gate.promise, stopped(signal)]);
    };
    const one = desk.update({ id: 'one' });
    const two = desk.update({ id: 'two' });
    await settle();
    expect(await updating()).toEqual([
      ['one', 7],
      ['two', 7],
    ]);
    desk.stop({ what: 'updating', id: 'two' });
    await expect(two).rejects.toMatchObject({ code: 'DOWNLOAD_STOPPED' });
    gate.resolve();
    await one;
    expect(library.updated).toEqual(['one']);
    expect(done).toEqual(['relist', 'reload']);
    expect((await updating()).map(([, bytes]) => bytes)).toEqual([null, null]);
  });

  test('what is due is looked at once a minute; all ends with the desk', async () => {
    const end = desk.start();
    library.dueNow = ['one'];
    await clock.advance(60_000);
    expect(library.updated).toEqual(['one']);
    const failed = expect.objectContaining({ code: 'DOWNLOAD_STOPPED' });
    library.download = ({ signal }) => stopped(signal);
    const update = desk.update({ id: 'two' }).catch((caught: unknown) => caught);
    await settle();
    end();
    expect(await update).toEqual(failed);
    library.dueNow = ['one'];
    await clock.advance(120_000);
    expect(library.updated).toEqual(['one']);
  });
});

test('removing the one in use reads what is in use then; renaming tells the list', async () => {
  await desk.rename('two', 'deux');
  await desk.remove('one');
  expect(done).toEqual(['relist', 'reload']);
  expect([...library.profiles.keys()]).toEqual(['deux']);
});

test('a text that the helper refuses is taken back, one that waits for the helper stays', async () => {
  const save = (text: string, version: string) => desk.saveText({ id: 'one', part: 'override', text, version });
  await save('a', '');
  refusal = new AppError('CONFIG_INVALID', 'no');
  await expect(save('b', 'a')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  refusal = new AppError('HELPER_NOT_RUNNING', 'later');
  await expect(save('c', 'a')).rejects.toMatchObject({ code: 'HELPER_NOT_RUNNING' });
  expect(library.saved.map(({ text }) => text)).toEqual(['a', 'b', 'a', 'c']);
  await desk.saveText({ id: 'two', part: 'source', text: 'x', version: '' });
  expect(done.at(-1)).toBe('relist');
});

test('an override that is switched and a rule that is added are taken back where the helper refuses them', async () => {
  await desk.switchOverride({ id: 'one', on: false });
  refusal = new AppError('CONFIG_INVALID', 'no');
  await expect(desk.switchOverride({ id: 'one', on: true })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(library.switched).toEqual([false, true, false]);
  await expect(desk.addRule({ id: 'one', rule: 'MATCH,DIRECT', place: 'last' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  expect(library.saved.map(({ text }) => text)).toEqual(['+rules:\n  - MATCH,DIRECT\n', '']);
});

test('what is to be kept however wrong it is stays, and its refusal is told with the profile', async () => {
  refusal = new AppError('CONFIG_INVALID', 'no');
  await desk.saveText({ id: 'one', part: 'override', text: 'rules: [', version: '', unusable: true });
  expect(library.saved.map(({ text }) => text)).toEqual(['rules: [']);
});
