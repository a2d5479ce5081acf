import { beforeEach, describe, expect, test } from 'vitest';
import { maxProfileBytes } from '../../../core/contract/profile-import.ts';
import { decodeText, maxFileBytes } from '../../../renderer/features/profiles/import/read-file.ts';
import { daysLeft, usedOf } from '../../../renderer/features/profiles/subscription-use.ts';
import { ImportBox, originOf, type ReadFile } from '../../../renderer/stores/import-box.ts';

type Call = readonly [string, unknown];
let calls: Call[];
let answers: Record<string, (params: never) => unknown>;
let timers: (() => void)[];
let read: (file: Blob) => Promise<ReadFile>;
let box: ImportBox;
const flush = async () => {
  for (const due of timers.splice(0)) due();
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const address = { kind: 'address', url: 'https://a.example/x', host: 'a.example', secure: true };

beforeEach(() => {
  calls = [];
  timers = [];
  answers = { recognise: () => address, addProfile: () => ({ added: 'id', info: {} }) };
  read = async () => ({ text: 'rules: []', isPicture: false });
  const call = async (method: string, params: unknown) => {
    calls.push([method, params]);
    const answer: unknown = await Promise.resolve(answers[method]?.(params as never));
    return answer ?? {};
  };
  const after = (_: number, callback: () => void) => {
    timers.push(callback);
    return () => {
      timers = timers.filter((each) => each !== callback);
    };
  };
  box = new ImportBox({ bridge: { call } as never, after, readFile: (file) => read(file) });
});

const state = () => box.store.getState();

describe('what is handed over', () => {
  test('typing is looked at once, after a pause; an answer about something older is dropped', async () => {
    let answer: (value: unknown) => void = () => undefined;
    answers['recognise'] = () => new Promise((resolve) => (answer = resolve));
    box.open();
    for (const text of ['h', 'ht', 'https://a.example/x']) box.type(text);
    await flush();
    expect(calls).toEqual([['recognise', { text: 'https://a.example/x' }]]);
    box.type('https://b.example/y');
    answer(address);
    await flush();
    expect(state()?.seen).toBeUndefined();
  });

  test('a second file while the first is still being read: the second counts', async () => {
    const readings: ((value: ReadFile) => void)[] = [];
    read = () => new Promise((resolve) => readings.push(resolve));
    const first = box.giveFile(new Blob(['1']), 'one.yaml');
    const second = box.giveFile(new Blob(['2']), 'two.yaml');
    readings[1]?.({ text: 'two', isPicture: false });
    readings[0]?.({ text: 'one', isPicture: false });
    await Promise.all([first, second]);
    expect([state()?.text, state()?.suggested]).toEqual(['two', 'two']);
    read = async () => ({ trouble: 'NO_QR' });
    await box.giveFile(new Blob(['3']), 'x.png');
    expect([state()?.trouble, state()?.seen, originOf(state() as never)]).toEqual(['NO_QR', undefined, undefined]);
  });

  test('closed while a file is read, it stays closed', async () => {
    let done: (value: ReadFile) => void = () => undefined;
    read = () => new Promise((resolve) => (done = resolve));
    const given = box.giveFile(new Blob(['1']), 'one.yaml');
    box.close();
    done({ text: 'x', isPicture: false });
    await given;
    expect(state()).toBeUndefined();
    expect(calls).toEqual([]);
  });
});

describe('an offer', () => {
  const offer = { url: 'https://a.example/x', host: 'a.example', path: '/x', hidden: false, name: 'A' };
  const other = { ...offer, url: 'https://b.example/y', host: 'b.example' };

  test('takes the place of what was there, is dismissed by closing, and by handing over something else', async () => {
    box.open();
    box.type('something');
    box.offer(offer);
    expect(state()).toMatchObject({ offer, suggested: 'A', seen: { host: 'a.example' } });
    box.close();
    expect(calls).toEqual([['dismissOffer', { url: offer.url }]]);
    box.offer(offer); // said once more, before the answer has arrived
    expect(state()).toBeUndefined();
    box.offer(undefined);
    box.offer(offer);
    box.giveText('ss://x');
    expect(calls.filter(([method]) => method === 'dismissOffer')).toHaveLength(2);
    expect(state()?.offer).toBeUndefined();
  });

  test('never replaces what is being added; ends when another window has answered', async () => {
    let end: (value: unknown) => void = () => undefined;
    answers['addProfile'] = () => new Promise((resolve) => (end = resolve));
    box.giveText('https://a.example/x');
    await flush();
    const adding = box.add();
    box.offer(other);
    expect(state()).toMatchObject({ adding: true, offer: undefined });
    end({ added: 'id', info: {} });
    expect(await adding).toEqual({ id: 'id', info: {} });
    expect(state()).toMatchObject({ adding: false, offer: other }); // it has waited
    box.offer(undefined);
    expect(state()).toBeUndefined();
    box.offer(offer);
    box.offer(undefined);
    expect(state()).toBeUndefined();
    box.open();
    box.offer(undefined);
    expect(state()).toBeDefined();
  });
});

describe('an answer', () => {
  const offer = { url: 'https://a.example/x', host: 'a.example', path: '/x', hidden: false };
  const other = { url: 'https://b.example/y', host: 'b.example', path: '/y', hidden: false };

  test('is to the question that was shown: what closes the dialog of the first does not dismiss the second', () => {
    box.offer(offer);
    const first = state()?.question;
    box.offer(other);
    expect(state()?.question).not.toBe(first);
    box.close(first);
    expect(state()).toMatchObject({ offer: other });
    expect(calls).toEqual([]);
    box.close(state()?.question);
    expect(calls).toEqual([['dismissOffer', { url: other.url }]]);
  });

  test('cannot be yes before the question has been seen for a moment', async () => {
    box.offer(offer);
    expect(await box.add()).toBeUndefined();
    expect(calls).toEqual([]);
    await flush();
    expect(await box.add()).toMatchObject({ id: 'id' });
    expect(calls).toEqual([['addProfile', { from: { kind: 'url', url: offer.url } }]]);
  });

  test('that nobody has heard is asked for again', async () => {
    answers['dismissOffer'] = () => Promise.reject({ code: 'RPC_CLOSED', message: 'lost' });
    box.offer(offer);
    box.close();
    await flush();
    box.offer(offer);
    expect(state()).toMatchObject({ offer });
  });
});

test('what failed stays in the dialog with its reason, and can be tried again; closing ends a download', async () => {
  answers['addProfile'] = () => Promise.reject({ code: 'DOWNLOAD_STATUS', message: '404' });
  box.giveText('https://a.example/x');
  await flush();
  box.name(' Mine ');
  expect(await box.add()).toBeUndefined();
  expect(state()).toMatchObject({ adding: false, error: { code: 'DOWNLOAD_STATUS' } });
  expect(calls.at(-1)).toEqual(['addProfile', { from: { kind: 'url', url: address.url }, name: 'Mine' }]);
  answers['addProfile'] = () => new Promise(() => undefined);
  void box.add();
  box.close();
  await flush();
  expect(calls.at(-1)).toEqual(['stopProfiles', { what: 'adding' }]);
});

test('files: texts by their encoding; the limit is that of the contract', () => {
  expect(maxFileBytes).toBe(maxProfileBytes);
  const bytes = (...values: (number | string)[]) =>
    new Uint8Array(
      values.flatMap((value) => (typeof value === 'string' ? [...Buffer.from(value, 'latin1')] : [value])),
    );
  expect(decodeText(new Uint8Array(Buffer.from('\ufeff规则: []')))).toBe('规则: []');
  expect(decodeText(bytes(0xff, 0xfe, 'r\0:\0'))).toBe('r:');
  for (const bad of [bytes(0xff, 0x00), bytes('a\0b'), bytes(0xc3)])
    expect(() => decodeText(bad)).toThrow(/not a text|not valid/);
});

test.each([
  [
    { upload: 1, download: 2, total: 10 },
    { used: 3, total: 10, share: 0.3, tone: 'fine' },
  ],
  [
    { download: 9, total: 10 },
    { used: 9, total: 10, share: 0.9, tone: 'near' },
  ],
  [
    { download: 12, total: 10 },
    { used: 12, total: 10, share: 1, tone: 'over' },
  ],
  [{ total: 10 }, { used: 0, total: 10, share: 0, tone: 'fine' }],
  [{ download: 5 }, { used: 5, total: undefined, share: undefined, tone: 'fine' }],
  [{}, { used: undefined, total: undefined, share: undefined, tone: 'fine' }],
])('the account %j', (info, used) => {
  expect(usedOf(info)).toEqual(used);
});

test.each([
  [undefined, undefined],
  [86_400_000 * 3, 3],
  [86_400_000 - 1, 0],
  [-1, -1],
])('an end in %s ms is %s days away', (ahead, days) => {
  expect(daysLeft(ahead === undefined ? undefined : 1e12 + ahead, 1e12)).toBe(days);
});
