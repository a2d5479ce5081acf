import { beforeEach, describe, expect, test } from 'vitest';
import { parseCidr } from '../../../../core/base/cidr.ts';
import {
  AnswerJudge,
  type Doubt,
  type HeardAnswer,
  isDifferentAnswer,
} from '../../../../core/dns/upstream/answer-suspicion.ts';
import { type DnsMessage, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { record } from './fake-upstream.ts';

const edns = { udpSize: 1232, version: 0, dnssecOk: false };
const sent = 'wWw.ExAmplE.com';
let forged: { name: string; given: boolean }[];
let judge: AnswerJudge;

function message(change: Partial<DnsMessage> = {}): DnsMessage {
  const response = responseTo(queryFor(1, sent, 'A', edns), 'NOERROR');
  return { ...response, answers: [record(sent, 'A', '192.0.2.1')], ...change };
}
const withoutEdns = (change: Partial<DnsMessage> = {}): DnsMessage => {
  const { edns: _, ...rest } = message(change);
  return rest;
};
const heard = (change: Partial<HeardAnswer> = {}): HeardAnswer => ({
  message: message(),
  sent,
  edns: true,
  ms: 40,
  ...change,
});
const addresses = (...list: string[]): Partial<HeardAnswer> => ({
  message: message({ answers: list.map((ip) => record(sent, ip.includes(':') ? 'AAAA' : 'A', ip)) }),
});
const early = heard({ ms: 10 });
function acquaint(change: Partial<HeardAnswer> = {}): void {
  for (let i = 0; i < 8; i++) judge.believe(heard(change));
}

beforeEach(() => {
  forged = [];
  const reserved = parseCidr('203.0.113.0/24');
  judge = new AnswerJudge({
    isFake: (ip) => ip.startsWith('198.18.'),
    unreal: reserved === undefined ? [] : [reserved],
    onForged: (told) => forged.push(told),
  });
});

describe('doubts', () => {
  const lowered = message({ questions: [{ name: sent.toLowerCase(), type: 'A', class: 1 }] });
  test.each<[string, Partial<HeardAnswer>, Doubt[]]>([
    ['a usual answer', {}, []],
    ['no OPT though asked with one', { message: withoutEdns() }, ['edns']],
    ['no OPT, asked without', { message: withoutEdns(), edns: false }, []],
    ["no OPT where the server's own trouble is told", { message: withoutEdns({ rcode: 'SERVFAIL', answers: [] }) }, []],
    ['another case', { message: lowered }, ['case']],
    ['the loopback', addresses('127.0.0.1'), ['unreal']],
    ['nothing but nonsense', addresses('0.0.0.0', '240.1.2.3'), ['unreal']],
    ['Teredo', addresses('2001::1f0d:5a01'), ['unreal']],
    ['a mapped IPv4 address', addresses('::ffff:192.0.2.80'), ['unreal']],
    ['a prefix of the configuration', addresses('203.0.113.4'), ['unreal']],
    ['one usual address among others', addresses('127.0.0.1', '192.0.2.1'), []],
    ['the loopback of a local name', { ...addresses('127.0.0.1'), sent: 'nAs.LAN' }, ['case']],
    ['an address of ours', addresses('198.18.3.4'), ['own']],
    ['a truncated answer', { message: withoutEdns({ truncated: true, answers: [] }) }, []],
    ['an early answer of a server of which nothing is known', { ms: 1 }, []],
    ['all at once', { message: withoutEdns({ questions: lowered.questions }) }, ['edns', 'case']],
  ])('%s', (_, change, doubts) => {
    expect(judge.doubts(heard(change))).toEqual(doubts);
  });

  test('sooner than half of the shortest of eight round trips is early; not where all are short', () => {
    for (let i = 0; i < 7; i++) judge.believe(heard({ ms: 40 + i }));
    expect(judge.doubts(heard({ ms: 19 }))).toEqual([]);
    judge.believe(heard());
    expect(judge.doubts(heard({ ms: 19 }))).toEqual(['early']);
    expect(judge.doubts(heard({ ms: 20 }))).toEqual([]);
    judge.believe(heard({ ms: 7 }));
    expect(judge.doubts(heard({ ms: 1 }))).toEqual([]);
  });
});

describe('servers that are other than most', () => {
  test('know no EDNS or do not keep the case: doubted three times, never failed', () => {
    const odd = heard({ message: withoutEdns({ questions: [{ name: 'www.example.com', type: 'A', class: 1 }] }) });
    for (let i = 0; i < 3; i++) {
      const doubts = judge.doubts(odd);
      expect(doubts).toEqual(['edns', 'case']);
      expect(judge.outcome(doubts)).toBe('give');
      judge.vain(odd, doubts);
    }
    expect(judge.doubts(odd)).toEqual([]);
  });

  test('answer blocked names with 0.0.0.0', () => {
    const blocked = heard(addresses('0.0.0.0'));
    for (let i = 0; i < 3; i++) judge.vain(blocked, judge.doubts(blocked));
    expect(judge.doubts(blocked)).toEqual([]);
  });

  test('have moved nearer: three early answers in vain, and the new way is the usual one', () => {
    acquaint();
    judge.vain(early, judge.doubts(early));
    expect(judge.doubts(early)).toEqual([]);
  });

  test('never have addresses of ours', () => {
    const ours = heard(addresses('198.18.0.9'));
    for (let i = 0; i < 10; i++) judge.vain(ours, judge.doubts(ours));
    expect(judge.outcome(judge.doubts(ours))).toBe('refuse');
  });
});

describe('what becomes of a doubted answer', () => {
  test('a server that always had an OPT is asked by TCP when it has none', () => {
    acquaint();
    expect(judge.outcome(['edns'])).toBe('verify');
    expect(judge.outcome(['case'])).toBe('verify');
    expect(judge.outcome(['early'])).toBe('give');
    expect(judge.outcome(['unreal'])).toBe('give');
  });

  test('a doubt that was borne out is not given any more', () => {
    judge.contradict('www.example.com', ['edns'], [], false);
    expect(judge.outcome(['edns'])).toBe('refuse');
    expect(judge.outcome(['case'])).toBe('give');
    expect(forged).toEqual([{ name: 'www.example.com', given: false }]);
    const forgery = heard({ message: withoutEdns() });
    for (let i = 0; i < 5; i++) judge.vain(forgery, ['edns']);
    expect(judge.doubts(forgery)).toContain('edns');
  });

  test('another network is another matter', () => {
    acquaint();
    judge.contradict('www.example.com', ['edns'], [], false);
    judge.reset();
    expect(judge.contested).toBe(false);
    expect(judge.outcome(['edns'])).toBe('give');
    expect(judge.doubts(early)).toEqual([]);
  });
});

describe('a perfect copy', () => {
  test('is found by its time, once two answers were seen', () => {
    acquaint({ ms: 1 });
    expect(judge.doubts(heard({ ms: 1 }))).toEqual([]);
    judge.contradict('www.example.com', [], [], true);
    expect(forged).toEqual([{ name: 'www.example.com', given: true }]);
    // Until it is known how far the server is, a second answer is waited for.
    expect(judge.doubts(heard({ ms: 1 }))).toEqual(['contested']);
    acquaint({ ms: 60 });
    expect(judge.doubts(heard({ ms: 60 }))).toEqual([]);
    expect(judge.doubts(heard({ ms: 1 }))).toEqual(['early']);
  });
});

describe('the grace', () => {
  test('goes by the usual round trip', () => {
    expect(judge.grace).toBe(400);
    acquaint({ ms: 5 });
    expect(judge.grace).toBe(100);
    for (let i = 0; i < 32; i++) judge.believe(heard({ ms: 80 }));
    expect(judge.grace).toBe(240);
    for (let i = 0; i < 32; i++) judge.believe(heard({ ms: 2_000 }));
    expect(judge.grace).toBe(1_000);
  });

  test('is a second where somebody forges', () => {
    acquaint({ ms: 5 });
    judge.contradict('a', ['edns'], [], false);
    expect(judge.grace).toBe(1_000);
  });
});

test('a second answer is listened for at first, and later now and then', () => {
  expect(judge.listensOn).toBe(true);
  let listened = 0;
  acquaint();
  for (let i = 0; i < 128; i++) {
    judge.believe(heard());
    if (judge.listensOn) listened += 1;
  }
  expect(listened).toBe(2);
});

test.each<[string, DnsMessage, DnsMessage, boolean]>([
  ['another order and TTL', many('192.0.2.1', '192.0.2.2'), many('192.0.2.2', '192.0.2.1'), false],
  ['some of the same', many('192.0.2.1', '192.0.2.2'), many('192.0.2.2', '192.0.2.3'), false],
  ['others', many('192.0.2.1'), many('203.0.113.9'), true],
  ['none', many('192.0.2.1'), many(), true],
  ['none in both', many(), many(), false],
  ['another rcode', many(), { ...many(), rcode: 'NXDOMAIN' }, true],
])('answers with %s', (_, a, b, different) => {
  expect(isDifferentAnswer(a, b)).toBe(different);
  expect(isDifferentAnswer(b, a)).toBe(different);
});

function many(...list: string[]): DnsMessage {
  return message({ answers: list.map((ip, i) => record(sent, 'A', ip, 60 + i)) });
}
