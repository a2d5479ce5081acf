import { beforeEach, expect, test } from 'vitest';
import { RaceResolver } from '../../../../core/dns/resolver/race-resolver.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { ScriptedResolver } from './scripted-resolver.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
let clock: ManualClock;
let first: ScriptedResolver;
let second: ScriptedResolver;
let race: RaceResolver;

beforeEach(() => {
  clock = new ManualClock();
  first = new ScriptedResolver('first');
  second = new ScriptedResolver('second');
  race = new RaceResolver([first, second], clock);
});

test('the first good answer wins and the others are told to stop', async () => {
  const answer = race.query(question, never);
  second.answer();
  expect((await answer).upstream).toBe('second');
  expect(first.asked[0]?.signal.aborted).toBe(true);
});

test('an answer without records is a good answer', async () => {
  const answer = race.query(question, never);
  first.answer({ answers: [] });
  expect((await answer).message).toMatchObject({ rcode: 'NOERROR', answers: [] });
});

test('NXDOMAIN waits for somebody who knows the name', async () => {
  const answer = race.query(question, never);
  first.answer({ rcode: 'NXDOMAIN' });
  await settle();
  await clock.advance(299);
  second.answer();
  expect((await answer).upstream).toBe('second');
});

test('NXDOMAIN wins after the grace', async () => {
  const answer = race.query(question, never);
  first.answer({ rcode: 'NXDOMAIN' });
  await settle();
  await clock.advance(300);
  expect((await answer).message.rcode).toBe('NXDOMAIN');
});

test('NXDOMAIN wins at once when all others have failed', async () => {
  const answer = race.query(question, never);
  second.fail();
  first.answer({ rcode: 'NXDOMAIN' });
  expect((await answer).message.rcode).toBe('NXDOMAIN');
});

test('SERVFAIL counts only when nobody says better', async () => {
  const better = race.query(question, never);
  first.answer({ rcode: 'SERVFAIL' });
  await settle();
  second.answer({ rcode: 'NXDOMAIN' });
  expect((await better).message.rcode).toBe('NXDOMAIN');
  const alone = race.query(question, never);
  first.answer({ rcode: 'SERVFAIL' });
  second.fail();
  expect((await alone).message.rcode).toBe('SERVFAIL');
});

test('when all fail, the first failure is told', async () => {
  const answer = race.query(question, never);
  second.fail('DNS_TIMEOUT');
  await settle();
  first.fail('DNS_IO');
  await expect(answer).rejects.toMatchObject({ code: 'DNS_TIMEOUT', message: 'second failed' });
});

test('one resolver is simply asked, none is an error', async () => {
  const answer = new RaceResolver([first], clock).query(question, never);
  first.answer({ rcode: 'NXDOMAIN' });
  expect((await answer).message.rcode).toBe('NXDOMAIN');
  await expect(new RaceResolver([], clock).query(question, never)).rejects.toMatchObject({ code: 'DNS_NO_UPSTREAM' });
});

test('who gives up stops all', async () => {
  const asker = new AbortController();
  const answer = race.query(question, asker.signal);
  asker.abort();
  await expect(answer).rejects.toMatchObject({ code: 'DNS_IO' });
  expect([first, second].every(({ asked }) => asked[0]?.signal.aborted)).toBe(true);
});
