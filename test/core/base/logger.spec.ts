import { expect, test } from 'vitest';
import { createLogger, type LogRecord } from '../../../core/base/logger.ts';

test('one line per record, values quoted where needed, silent levels not built', () => {
  const records: LogRecord[] = [];
  const logger = createLogger((record) => records.push(record), {
    component: 'dns',
    enabled: (level) => level !== 'debug',
    now: () => 7,
  });
  logger.debug('no');
  logger.info('answered', { name: 'a.example', ms: 3, note: 'two words', skipped: undefined, quote: 'a"b' });
  logger.child('pool').error('full');
  expect(records).toEqual([
    { time: 7, level: 'info', component: 'dns', text: 'answered name=a.example ms=3 note="two words" quote="a\\"b"' },
    { time: 7, level: 'error', component: 'pool', text: 'full' },
  ]);
});
