import { beforeEach, expect, test } from 'vitest';
import type { AppParams } from '../../../core/contract/app.ts';
import { isChanged, keyOf, ProfileEditor } from '../../../renderer/stores/profile-editor.ts';

const place = { id: 'a', part: 'source' } as const;
/** What is kept, and how a text is judged. */
let kept: string;
let calls: [string, AppParams<'tryProfileText'>][];
let hold: Promise<void> | undefined;
let timers: { ms: number; run: () => void }[];
let clock: number;
let editor: ProfileEditor;
const part = (text: string) => ({ text, version: `v ${text}`, editable: true });
const trialOf = ({ text, compare }: AppParams<'tryProfileText'>) => ({
  valid: !text.includes('bad'),
  problems: [],
  diff: null,
  lines: compare ? { added: 0, removed: 0, lines: [], more: 0 } : null,
  version: `v ${kept}`,
  names: text.includes('bad') ? null : { policies: [text], ruleProviders: [], proxyProviders: [], subRules: [] },
});

beforeEach(() => {
  kept = 'one';
  calls = [];
  hold = undefined;
  timers = [];
  clock = 0;
  const call = async (method: string, params: never) => {
    calls.push([method, params]);
    await hold;
    if (method === 'getProfileTexts') return { source: part(kept), override: part('') };
    if (method === 'tryProfileText') return trialOf(params);
    const { text, version } = params as AppParams<'saveProfileText'>;
    if (version !== `v ${kept}`) throw Object.assign(new Error('x'), { code: 'PROFILE_CHANGED', message: 'x' });
    kept = text;
    return { profiles: [] };
  };
  const after = (ms: number, run: () => void) => {
    const timer = { ms, run };
    timers.push(timer);
    return () => void (timers = timers.filter((each) => each !== timer));
  };
  editor = new ProfileEditor({ bridge: { call } as never, after, now: () => clock });
});

const settle = async () => {
  for (let round = 0; round < 6; round++) {
    for (const { run } of timers.splice(0)) run();
    await new Promise((resolve) => setImmediate(resolve));
  }
};
const draft = () => editor.store.getState().drafts.get(keyOf(place)) ?? expect.unreachable('no draft');
const checks = () => calls.flatMap(([method, params]) => (method === 'tryProfileText' ? [params.text] : []));
const openIt = async () => {
  await editor.open(place);
  await settle();
};

test('a text is read and checked; a pause behind each key, and of several changes only the last is checked', async () => {
  await openIt();
  expect([draft().text, checks(), draft().checking]).toEqual(['one', ['one'], false]);
  for (const text of ['one t', 'one tw', 'one two']) editor.type(place, text);
  expect([timers.length, draft().checking]).toEqual([1, true]);
  await settle();
  expect(checks()).toEqual(['one', 'one two']);
  expect(draft().names?.policies).toEqual(['one two']);
});

test('one check at a time: what is written meanwhile is checked after it, and an answer about older text changes no mark', async () => {
  await openIt();
  let go: () => void = () => undefined;
  hold = new Promise((resolve) => (go = resolve));
  editor.type(place, 'bad');
  await settle();
  editor.type(place, 'good');
  await settle();
  expect(checks()).toEqual(['one', 'bad']);
  hold = undefined;
  go();
  await settle();
  expect(checks()).toEqual(['one', 'bad', 'good']);
  expect([draft().trial?.valid, draft().names?.policies]).toEqual([true, ['good']]);
});

test('after a check that took long the next one waits longer: in between, keys go through', async () => {
  await openIt();
  hold = new Promise((resolve) => {
    setImmediate(() => {
      clock = 300;
      resolve();
    });
  });
  editor.type(place, 'slow');
  await settle();
  hold = undefined;
  editor.type(place, 'slower');
  expect(timers[0]?.ms).toBe(900);
});

test('what cannot be understood leaves the names that were known', async () => {
  await openIt();
  editor.type(place, 'bad');
  await settle();
  expect([draft().trial?.valid, draft().names?.policies]).toEqual([false, ['one']]);
});

test('saved is saved; a text that somebody else has changed is neither overwritten nor lost', async () => {
  await openIt();
  editor.type(place, 'mine');
  await editor.review(place);
  expect(draft().review?.lines).toBeDefined();
  await editor.save(place);
  expect([kept, isChanged(draft()), draft().review]).toEqual(['mine', false, undefined]);
  editor.type(place, 'mine, more');
  kept = 'theirs';
  expect(await editor.save(place)).toBeUndefined();
  expect([kept, draft().text, draft().theirs?.text]).toEqual(['theirs', 'mine, more', 'theirs']);
  editor.keepOurs(place);
  await editor.save(place);
  expect(kept).toBe('mine, more');
});

test('noticed by a check, too; theirs can be taken, and unchanged text follows by itself', async () => {
  await openIt();
  kept = 'newer';
  await editor.look();
  expect([draft().text, draft().renewed, draft().revision]).toEqual(['newer', true, 1]);
  editor.type(place, 'newer and mine');
  kept = 'theirs';
  await settle();
  expect(draft().theirs?.text).toBe('theirs');
  editor.takeTheirs(place);
  expect([draft().text, draft().theirs, isChanged(draft())]).toEqual(['theirs', undefined, false]);
});

test('unsaved text stays when the editor is left, saved text does not; discarded is what is kept', async () => {
  await openIt();
  editor.leave();
  expect(editor.store.getState().drafts.size).toBe(0);
  await openIt();
  editor.type(place, 'mine');
  editor.leave();
  await openIt();
  expect(draft().text).toBe('mine');
  editor.discard(place);
  expect([draft().text, isChanged(draft())]).toEqual(['one', false]);
});
