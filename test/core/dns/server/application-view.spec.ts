import { expect, test } from 'vitest';
import { methods } from '../../../../core/contract/rpc.ts';
import { askAsApplication } from '../../../../core/dns/server/application-view.ts';
import type { QuestionRouter } from '../../../../core/dns/server/dns-server.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { record } from '../upstream/fake-upstream.ts';

const never = new AbortController().signal;
const clock = new ManualClock();

function make() {
  const asked: { query: DnsMessage; client: string }[] = [];
  const router: QuestionRouter = {
    async answer(query, client) {
      asked.push({ query, client });
      await clock.advance(3);
      const answers = [record('example.com', 'MX', { preference: 10, exchange: 'mx.example.com' }, 60)];
      const message = { ...responseTo(query, 'NOERROR'), answers };
      return { message, verdict: 'real', upstream: 'udp://192.0.2.53:53', upstreamMs: 2 };
    },
  };
  return {
    asked,
    ask: (name: string, type: string) => askAsApplication(router, { name, type }, '198.18.0.1', clock, never),
  };
}

test('tells what an application would see, in the form of the contract', async () => {
  const { asked, ask } = make();
  const result = await ask('Example.com.', 'mx');
  expect(methods.dnsQuery.result.parse(result)).toEqual({
    rcode: 'NOERROR',
    verdict: 'real',
    upstream: 'udp://192.0.2.53:53',
    upstreamMs: 2,
    answers: [{ name: 'example.com', type: 'MX', ttl: 60, data: '10 mx.example.com' }],
    ms: 3,
  });
  expect(asked).toMatchObject([
    {
      client: '198.18.0.1',
      query: { questions: [{ name: 'Example.com', type: 'MX', class: 1 }], recursionDesired: true },
    },
  ]);
});

test.each([
  ['example.com', 'NOTHING'],
  ['example..com', 'A'],
  [`${'a'.repeat(64)}.com`, 'A'],
])('%s %s cannot be asked', async (name, type) => {
  const { asked, ask } = make();
  await expect(ask(name, type)).rejects.toMatchObject({ code: 'RPC_BAD_PARAMS' });
  expect(asked).toEqual([]);
});
