import { expect, test } from 'vitest';
import { HelperLog } from '../../../core/helper/helper-log.ts';

const started = () => {
  const lines: string[] = [];
  const log = new HelperLog(
    (line) => lines.push(line),
    () => 1_700_000_000_000,
  );
  return { log, lines };
};

test('one line each to the output, the same to viewers', () => {
  const { log, lines } = started();
  log.logger.child('rpc').info('client refused', { code: 'HELPER_NOT_ALLOWED' });
  expect(lines).toEqual(['2023-11-14T22:13:20.000Z info rpc: client refused code=HELPER_NOT_ALLOWED\n']);
  expect([...log.rows.rows()]).toEqual([
    {
      id: '1',
      time: 1_700_000_000_000,
      level: 'info',
      component: 'rpc',
      message: 'client refused code=HELPER_NOT_ALLOWED',
    },
  ]);
});

test('the level holds for loggers that exist already', () => {
  const { log, lines } = started();
  const child = log.logger.child('dns');
  child.debug('one');
  log.setLevel('debug');
  child.debug('two');
  log.setLevel('error');
  child.warning('three');
  log.setLevel('silent');
  child.error('four');
  expect(lines.map((line) => line.split(': ')[1])).toEqual(['two\n']);
});

test('what comes from the network cannot write lines of ours', () => {
  const { log, lines } = started();
  log.logger.info('question for a\nb\r\u001b[31m\u2028\u202ec');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('question for a\\u000ab\\u000d\\u001b[31m\\u2028\\u202ec\n');
});

test('only the newest lines are kept', () => {
  const { log } = started();
  for (let i = 0; i < 2_500; i++) log.logger.info(`line ${i}`);
  const rows = [...log.rows.rows()];
  expect([rows.length, rows[0]?.message, rows.at(-1)?.message]).toEqual([2_000, 'line 500', 'line 2499']);
});
