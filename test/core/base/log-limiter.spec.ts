import { expect, test } from 'vitest';
import { createLogger, type LogRecord } from '../../../core/base/logger.ts';

const started = () => {
  const records: LogRecord[] = [];
  const time = { now: 1_000 };
  const options = { component: 'rpc', enabled: () => true, now: () => time.now };
  return { time, records, logger: createLogger((record) => records.push(record), options) };
};

test('a line that anybody can cause is written some times, then once a second with the number of those left out', () => {
  const { logger, records, time } = started();
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 10_000; i++) logger.warning('client refused', { uid: i });
    time.now += 1_000;
  }
  expect(records.length).toBeLessThanOrEqual(20);
  expect(records.at(-1)?.text).toBe('client refused uid=0 more-like-it=9999');
});

test('another kind of line, another level and another component have limits of their own', () => {
  const { logger, records } = started();
  for (let i = 0; i < 100; i++) logger.warning('client refused');
  const before = records.length;
  logger.warning('client sent a bad frame');
  logger.error('client refused');
  logger.child('dns').warning('client refused');
  expect(records.length).toBe(before + 3);
});

test('more kinds than are told apart do not grow the memory without end, and are still written', () => {
  const { logger, records } = started();
  for (let i = 0; i < 5_000; i++) logger.warning(`title ${i}`);
  expect(records).toHaveLength(5_000);
});

test('what comes from outside makes no endless line', () => {
  const { logger, records } = started();
  logger.info('x'.repeat(1e6), Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, 'y'.repeat(1e5)])));
  expect(records[0]?.text.length).toBeLessThanOrEqual(4_097);
});
