/** Reading questions and writing answers in place, against the layout of native/index.d.ts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerBatch, BatchReader } from '../../../../core/dns/router/dns-batch.ts';
import { batchOf, readAnswers } from './dns-batch-fixture.ts';

const messages = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 12 });

test('every question is read as it was written', () => {
  fc.assert(
    fc.property(messages, fc.constantFrom('udp', 'tcp'), (written, network) => {
      const reader = new BatchReader(batchOf(written, { network }).questions);
      for (const message of written) {
        expect(reader.next()).toBe(true);
        expect(reader).toMatchObject({
          network,
          source: { host: '192.168.1.7', port: 40_000 },
          destination: { host: '198.18.0.2', port: 53 },
          source4: 0xc0a80107,
        });
        expect(reader.end - reader.start).toBe(message.length);
      }
      expect(reader.next()).toBe(false);
    }),
  );
});

test('an IPv6 asker is one', () => {
  const source = [0xfd, 0xfe, ...Array.from({ length: 13 }, () => 0), 1];
  const reader = new BatchReader(batchOf([new Uint8Array(12)], { source }).questions);
  reader.next();
  expect([reader.source4, reader.source.host]).toEqual([-1, 'fdfe::1']);
});

test('bytes that end too early, or anything else, are read to where they make sense', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const reader = new BatchReader(bytes);
      for (let steps = 0; reader.next(); steps++) {
        expect(steps).toBeLessThan(10);
        expect(reader.end).toBeLessThanOrEqual(bytes.length);
      }
    }),
  );
  const { questions } = batchOf([new Uint8Array(20)]);
  expect(new BatchReader(questions.subarray(0, questions.length - 1)).next()).toBe(false);
});

test('answers lie back to back, however many, and are gone when they were taken', () => {
  fc.assert(
    fc.property(messages, (written) => {
      const batch = new AnswerBatch(16);
      for (const [token, message] of written.entries()) batch.add(token + 2 ** 40, message);
      expect(batch.isEmpty).toBe(written.length === 0);
      expect(readAnswers(batch.take())).toEqual(written.map((message, token) => [token + 2 ** 40, message]));
      expect(batch.isEmpty).toBe(true);
      expect(batch.take()).toHaveLength(0);
    }),
  );
});
