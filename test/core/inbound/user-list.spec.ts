import { expect, test } from 'vitest';
import { UserList } from '../../../core/inbound/user-list.ts';

const list = new UserList([
  { username: 'a', password: '1' },
  { username: 'b', password: '' },
]);

test.each([
  [{ username: 'a', password: '1' }, true],
  [{ username: 'b', password: '' }, true],
  [{ username: 'a', password: '' }, false],
  [{ username: 'a1', password: '' }, false],
  [undefined, false],
])('%o: %s', (credentials, admitted) => expect(list.admits(credentials)).toBe(admitted));

test('without users everybody may come', () => {
  expect(new UserList([]).open).toBe(true);
  expect(new UserList([]).admits(undefined)).toBe(true);
});
