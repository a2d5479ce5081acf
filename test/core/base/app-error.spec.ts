import { expect, test } from 'vitest';
import { AppError, errnoOf } from '../../../core/base/app-error.ts';
import { errorDataSchema } from '../../../core/contract/error.ts';

test('crosses a process border and back without its cause', () => {
  const error = new AppError('TUN_NAME_TAKEN', 'mirage0 exists', {
    cause: new Error('EBUSY'),
    expected: 'another name',
    details: { device: 'mirage0' },
  });
  const data = errorDataSchema.parse(JSON.parse(JSON.stringify(error.toData())));
  expect(AppError.fromData(data)).toMatchObject({
    code: 'TUN_NAME_TAKEN',
    message: 'mirage0 exists',
    expected: 'another name',
    details: { device: 'mirage0' },
  });
  expect(AppError.fromData(data).cause).toBeUndefined();
});

test('wraps anything, keeps its own', () => {
  const own = new AppError('DNS_TIMEOUT', 'x');
  expect(AppError.from(own, 'INTERNAL')).toBe(own);
  expect(AppError.from('text', 'DNS_IO', 'asking')).toMatchObject({ code: 'DNS_IO', message: 'asking: text' });
  expect(errnoOf(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBe('ENOENT');
  expect(errnoOf(null)).toBeUndefined();
});

test('only a defect carries a stack, and other errors go on to have theirs', () => {
  expect(new AppError('DNS_TIMEOUT', 'no answer').stack).not.toMatch(/\n\s+at /);
  expect(new AppError('INTERNAL', 'a defect').stack).toMatch(/\n\s+at .*app-error\.spec/);
  expect(new Error('of somebody else').stack).toMatch(/\n\s+at .*app-error\.spec/);
});
