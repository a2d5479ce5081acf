import { beforeEach, describe, expect, test } from 'vitest';
import { OrderedResolver } from '../../../../core/dns/resolver/ordered-resolver.ts';
import { queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { ScriptedResolver } from './scripted-resolver.ts';

const question = { name: 'host.vpn.example', type: 'A' };
const never = new AbortController().signal;
const says = (rcode: string) => responseTo(queryFor(0, question.name, question.type, undefined), rcode);

let clock: ManualClock;
let servers: ScriptedResolver[];
beforeEach(() => {
  clock = new ManualClock();
  servers = ['first', 'second', 'third'].map((name) => new ScriptedResolver(name));
});
const make = (change: Partial<ConstructorParameters<typeof OrderedResolver>[1]> = {}, count = 2) =>
  new OrderedResolver(servers.slice(0, count), { timeoutMs: 2_000, attempts: 2, rotate: false, ...change }, clock);
const asked = () => servers.map((server) => server.asked.length);
const outcomeOf = async (asking: Promise<{ message: { rcode: string }; upstream: string }>) =>
  await asking.then(
    ({ message, upstream }) => `${upstream} ${message.rcode}`,
    (error: { code: string }) => error.code,
  );

describe('the first server', () => {
  test.each(['NOERROR', 'NXDOMAIN'])(
    'decides with %s, though it takes its time; nobody else is asked',
    async (rcode) => {
      const asking = make().query(question, never);
      await clock.advance(1_900);
      servers[0]?.answer(says(rcode));
      expect(await outcomeOf(asking)).toBe(`first ${rcode}`);
      expect(asked()).toEqual([1, 0, 0]);
    },
  );

  test.each(['SERVFAIL', 'REFUSED', 'NOTIMP'])('says %s: the next decides', async (rcode) => {
    const asking = make().query(question, never);
    servers[0]?.answer(says(rcode));
    await settle();
    servers[1]?.answer(says('NXDOMAIN'));
    expect(await outcomeOf(asking)).toBe('second NXDOMAIN');
  });

  test('cannot be asked: the next is, at once', async () => {
    const asking = make().query(question, never);
    servers[0]?.fail('DNS_IO');
    await settle();
    servers[1]?.answer(says('NOERROR'));
    expect(await outcomeOf(asking)).toBe('second NOERROR');
  });

  test('is silent: the next is asked after the timeout; from then on after less, until it answers again', async () => {
    const resolver = make();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const asking = resolver.query(question, never);
      const before = asked()[1] ?? 0;
      let waited = 0;
      for (; asked()[1] === before; waited += 250) await clock.advance(250);
      waits.push(waited);
      servers[1]?.answer(says('NXDOMAIN'));
      expect(await outcomeOf(asking)).toBe('second NXDOMAIN');
    }
    expect(waits).toEqual([2_000, 1_000, 1_000, 250]);
    const asking = resolver.query(question, never);
    await settle();
    for (let i = 0; i < 5; i++) servers[0]?.answer(says('NOERROR'));
    expect(await outcomeOf(asking)).toBe('first NOERROR');
    void resolver.query(question, never);
    await clock.advance(1_900);
    expect(asked()[1]).toBe(4);
  });
});

test('all that are silent are gone through as often as is said; then what they said counts, or why they did not', async () => {
  const asking = outcomeOf(make({ attempts: 2, timeoutMs: 1_000 }, 3).query(question, never));
  servers[0]?.fail('DNS_IO');
  await settle();
  servers[1]?.answer(says('REFUSED'));
  await settle();
  await clock.advance(1_000); // the third is silent
  await settle();
  servers[0]?.fail('DNS_IO');
  await settle();
  await clock.advance(1_000);
  expect(await asking).toBe('second REFUSED');
  expect(asked()).toEqual([2, 1, 2]);
  const silent = outcomeOf(make({ attempts: 1, timeoutMs: 1_000 }, 3).query(question, never));
  await clock.advance(3_000);
  expect(await silent).toBe('DNS_TIMEOUT');
  expect(asked()).toEqual([3, 2, 3]);
});

test('rotate begins at one after the other', async () => {
  const resolver = make({ rotate: true }, 3);
  for (let i = 0; i < 4; i++) void resolver.query(question, never);
  await settle();
  expect(asked()).toEqual([2, 1, 1]);
});

test('nobody waits for ever, and who gives up is let go', async () => {
  const long = outcomeOf(make({ timeoutMs: 30_000, attempts: 5 }).query(question, never));
  await clock.advance(15_000);
  expect(await long).toBe('DNS_TIMEOUT');
  const life = new AbortController();
  const asking = make().query(question, life.signal);
  await settle();
  life.abort();
  expect(await outcomeOf(asking)).toBe('DNS_IO');
  expect(await outcomeOf(make({}, 0).query(question, never))).toBe('DNS_NO_UPSTREAM');
});
