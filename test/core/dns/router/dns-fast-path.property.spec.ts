/** The fast path and the codec must mean the same, whatever is asked. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Ip, ipv4ToNumber, numberToIpv4 } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import { normaliseDomain } from '../../../../core/base/domain.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import type { Waiting } from '../../../../core/dns/fake-ip/allocation-queue.ts';
import { addressAnswer, emptyAnswer } from '../../../../core/dns/router/fake-answer.ts';
import { DnsLog } from '../../../../core/dns/server/dns-log.ts';
import { DnsServer, type QuestionRouter } from '../../../../core/dns/server/dns-server.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { batchOf, readAnswers } from './dns-batch-fixture.ts';

/** Gives addresses in the order of first asking. */
class MemoryPool {
  readonly names = new Map<string, number>();
  readonly #range6: boolean;

  constructor(range6: boolean) {
    this.#range6 = range6;
  }

  answerKnown({ name }: { readonly name: string }): number {
    return this.names.get(name) ?? -1;
  }

  allocate(waiting: Pick<Waiting, 'name' | 'settle'>): void {
    queueMicrotask(() => {
      const known = this.names.get(waiting.name) ?? ipv4ToNumber('198.18.0.10') + this.names.size;
      this.names.set(waiting.name, known);
      waiting.settle(known);
    });
  }

  address6Of(ip: Ip): Ip | undefined {
    return this.#range6 ? `fdfe::${(ipv4ToNumber(ip) & 0xffff).toString(16)}` : undefined;
  }
}

async function addressOf(pool: MemoryPool, name: string): Promise<Ip> {
  const outcome = await new Promise<number | AppError>((settle) => pool.allocate({ name, settle }));
  if (outcome instanceof AppError) throw outcome;
  return numberToIpv4(outcome);
}

/** The router's part of answering with fakes, on decoded messages. */
function slowRouter(pool: MemoryPool): QuestionRouter {
  return {
    answer: async (query: DnsMessage) => {
      const name = query.questions[0]?.name ?? '';
      const type = query.questions[0]?.type;
      const ip = type === 'A' || type === 'AAAA' ? await addressOf(pool, normaliseDomain(name)) : undefined;
      const address = type === 'AAAA' ? ip && pool.address6Of(ip) : ip;
      const message = address === undefined ? emptyAnswer(query, name) : addressAnswer(query, name, [address], 1);
      return { message, verdict: 'fake' };
    },
  };
}

/** By the place of the message. */
async function answersOf(server: DnsServer, messages: readonly Uint8Array[]): Promise<Map<number, Uint8Array>> {
  const sent: Uint8Array[] = [];
  server.answerBatch(batchOf(messages), (answers) => void sent.push(answers));
  for (let i = 0; i < 3; i++) await settle();
  return new Map(sent.flatMap(readAnswers));
}

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const question = fc.record({
  id: fc.nat(65_535),
  name: fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.')),
  type: fc.constantFrom('A', 'A', 'AAAA', 'HTTPS', 'SVCB'),
  recursionDesired: fc.boolean(),
  checkingDisabled: fc.boolean(),
  authenticData: fc.boolean(),
  edns: fc.option(
    fc.record({ udpSize: fc.constantFrom(512, 1232, 4096), version: fc.constant(0), dnssecOk: fc.boolean() }),
    {
      nil: undefined,
    },
  ),
});
type Question = typeof question extends fc.Arbitrary<infer T> ? T : never;

function bytesOf({ edns, ...asked }: Question): Uint8Array {
  return encodeMessage({ ...queryFor(asked.id, asked.name, asked.type, edns), ...asked });
}

test.each([false, true])('every usual question gets the codec’s answer; IPv6 range: %s', async (range6) => {
  await fc.assert(
    fc.asyncProperty(fc.array(question, { minLength: 1, maxLength: 12 }), async (questions) => {
      const options = { log: new DnsLog(), clock: new ManualClock(), logger: silentLogger };
      const pool = new MemoryPool(range6);
      const slow = new DnsServer({ ...options, router: slowRouter(pool) });
      const decoded = new Set<string>();
      const router: QuestionRouter = {
        ...slowRouter(pool),
        answer: async (query, client, signal) => {
          decoded.add(query.questions[0]?.type ?? '');
          return await slowRouter(pool).answer(query, client, signal);
        },
        isPlainFake: () => true,
        generation: 1,
        pool,
        ttl: 1,
      };
      const fast = new DnsServer({ ...options, router });
      for (let round = 0; round < 2; round++) {
        const messages = questions.map(bytesOf);
        const answers = await answersOf(fast, messages);
        const slowly = await answersOf(slow, messages);
        expect(answers.size).toBe(questions.length);
        for (const i of messages.keys()) {
          const expected = slowly.get(i);
          expect(decodeMessage(answers.get(i) ?? new Uint8Array())).toEqual(
            decodeMessage(expected ?? new Uint8Array()),
          );
        }
      }
      // Only before the first address was seen an IPv6 question goes the long way.
      expect([...decoded].filter((type) => type !== 'AAAA')).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('whatever comes: each of a batch is answered as it would be alone, and nothing is thrown', async () => {
  const usual = question.map(bytesOf);
  const broken = fc
    .tuple(usual, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }), fc.nat(300))
    .map(([bytes, changes, cut]) => {
      const copy = Uint8Array.from(bytes).slice(0, Math.max(1, bytes.length - (cut > 100 ? 0 : cut)));
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return copy;
    });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(broken, fc.uint8Array({ maxLength: 60 })), { maxLength: 10 }),
      async (messages) => {
        const pool = new MemoryPool(false);
        const inner = slowRouter(pool);
        const options = { log: new DnsLog(), clock: new ManualClock(), logger: silentLogger };
        const usually: QuestionRouter = {
          answer: async (query, client, signal) => {
            const asked = query.questions[0];
            const plain = ['A', 'AAAA', 'HTTPS', 'SVCB'].includes(asked?.type ?? '') && asked?.class === 1;
            if (query.opcode !== 0 || !plain || query.questions.length !== 1)
              return { message: responseTo(query, 'NOTIMP'), verdict: 'refused' };
            return await inner.answer(query, client, signal);
          },
        };
        const fast = new DnsServer({
          ...options,
          router: { ...usually, isPlainFake: () => true, generation: 0, pool, ttl: 1 },
        });
        const slow = new DnsServer({ ...options, router: usually });
        const answers = await answersOf(fast, messages);
        const slowly = await answersOf(slow, messages);
        for (const i of messages.keys()) {
          const expected = slowly.get(i);
          const answer = answers.get(i);
          expect(answer && decodeMessage(answer)).toEqual(expected && decodeMessage(expected));
        }
      },
    ),
    { numRuns: 300 },
  );
});
