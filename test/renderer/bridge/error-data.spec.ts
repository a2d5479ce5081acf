import { expect, test } from 'vitest';
import { BridgeError, errorDataOf } from '../../../renderer/bridge/error-data.ts';

const data = { code: 'HELPER_IN_USE', message: 'x', expected: 'y' } as const;

test.each([
  ['a bridge error', new BridgeError(data), data],
  ['plain data', data, data],
  ['an error that carries data', Object.assign(new Error('x'), { data }), data],
  ['a defect', new TypeError('boom'), { code: 'INTERNAL', message: 'boom' }],
  [
    'an error of Node',
    Object.assign(new Error('no such file'), { code: 'ENOENT' }),
    { code: 'INTERNAL', message: 'no such file' },
  ],
  ['a text', 'boom', { code: 'INTERNAL', message: 'boom' }],
  ['nothing', undefined, { code: 'INTERNAL', message: 'undefined' }],
])('%s', (_, caught, expected) => {
  expect(errorDataOf(caught)).toEqual(expected);
});
