import { beforeEach, expect, test } from 'vitest';
import { type Following, followTopic } from '../../../core/cli/topic-follower.ts';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { HelperDouble } from '../../support/helper-double.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

const clock = new ManualClock();
let helper: HelperDouble;
let shown: string[];
let end: () => void;

beforeEach(() => {
  helper = new HelperDouble();
  helper.up();
  shown = [];
});

function follow(settings: Partial<Following<'dnsLog'>> = {}): Promise<void> {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  end = resolve;
  const isWhole = (row: DnsRow) => row.process !== undefined;
  const show = (rows: readonly DnsRow[]) =>
    shown.push(...rows.map(({ id, process }) => (process === undefined ? id : `${id} ${process}`)));
  return followTopic(helper, 'dnsLog', { newest: 2, isWhole, show, ended, ...settings }, clock);
}

/** `4` is a row without a process, `4 curl` one with it. */
function push(rows: string[], rest: { reset?: boolean; total?: number } = {}): void {
  helper.subscriptions[0]?.push({
    epoch: 1,
    sequence: 0,
    reset: rest.reset ?? false,
    rows: rows.map(rowOf),
    counters: [],
    removed: [],
    total: rest.total ?? rows.length,
  });
}

function rowOf(text: string): DnsRow {
  const [id = '', process] = text.split(' ');
  const named = process === undefined ? {} : { process };
  const answer = { verdict: 'fake', rcode: 'NOERROR', answer: '198.18.0.9' } as const;
  return { id, time: 1, client: '198.18.0.1', ...named, name: 'a.example', type: 'A', ...answer, ms: 1 };
}

test('first the newest of those that are there, when all pages have come; then new ones; at the end nothing is left', async () => {
  const following = follow({ search: 'a' });
  expect(helper.subscriptions[0]?.options).toEqual({ limit: 10_000, search: 'a' });
  push(['1', '2'], { reset: true, total: 4 });
  expect(shown).toEqual([]);
  push(['3', '4'], { total: 4 });
  expect(shown).toEqual(['3', '4']);
  push(['5 curl', '6 dig']);
  expect(shown).toEqual(['3', '4', '5 curl', '6 dig']);
  end();
  await following;
  expect(helper.subscriptions).toEqual([]);
});

test('an empty table, and fewer rows than wanted', async () => {
  const following = follow();
  push([], { reset: true });
  push(['1 curl']);
  expect(shown).toEqual(['1 curl']);
  end();
  await following;
});

test('a row waits for who asked, those after it wait behind it, and each is shown once', async () => {
  const following = follow();
  push([], { reset: true });
  push(['1', '2 dig', '3']);
  expect(shown).toEqual([]);
  push(['1 curl', '4']);
  expect(shown).toEqual(['1 curl', '2 dig', '3']);
  push(['3 late']);
  expect(shown).toEqual(['1 curl', '2 dig', '3', '4']);
  end();
  await following;
});

test('it waits no longer than for the next batch of the helper', async () => {
  const following = follow();
  push([], { reset: true });
  push(['1']);
  await clock.advance(1_199);
  expect(shown).toEqual([]);
  await clock.advance(1);
  expect(shown).toEqual(['1']);
  push(['2']);
  await clock.advance(1_000);
  push(['3']);
  await clock.advance(1_199);
  expect(shown).toEqual(['1', '2']);
  await clock.advance(1);
  expect(shown).toEqual(['1', '2', '3']);
  end();
  await following;
});

test('after a gap the picture is drawn anew: what was shown is not shown again', async () => {
  const following = follow();
  push(['1', '2', '3'], { reset: true });
  push(['2 curl', '3', '4 curl', '5 curl', '6 curl'], { reset: true });
  expect(shown).toEqual(['2', '3', '4 curl', '5 curl', '6 curl']);
  end();
  await following;
});

test('a helper that goes away ends it with the error of the link', async () => {
  const following = follow();
  push(['1'], { reset: true });
  helper.down();
  await expect(following).rejects.toMatchObject({ code: 'HELPER_NOT_RUNNING' });
  expect(helper.subscriptions).toEqual([]);
});

test('a row that still waits at the end is not shown later', async () => {
  const following = follow();
  push([], { reset: true });
  push(['1']);
  end();
  await following;
  await clock.advance(10_000);
  await settle();
  expect(shown).toEqual([]);
});
