import { expect, test } from 'vitest';
import { defaultPreferences, readPreferences, writePreferences } from '../../../renderer/stores/preferences.ts';

function storage(text: string | null) {
  const written: string[] = [];
  return { getItem: () => text, setItem: (_: string, value: string) => void written.push(value), written };
}

test('what was written is read again', () => {
  const store = storage(null);
  const preferences = {
    theme: 'dark',
    language: 'zh-CN',
    sidebar: 'narrow',
    grids: {
      connections: { columns: ['host', 'age'], widths: { host: 300 }, sort: { column: 'age', direction: 'asc' } },
    },
  } as const;
  writePreferences(store, preferences);
  expect(readPreferences(storage(store.written[0] ?? ''))).toEqual(preferences);
});

test.each([null, '', 'no json', '[]', 'null', '{"theme":7,"language":"fr","sidebar":{},"grids":[]}'])(
  'from %j come the defaults',
  (text) => {
    expect(readPreferences(storage(text))).toEqual(defaultPreferences);
  },
);

test('one bad part does not spoil the others', () => {
  const text = JSON.stringify({
    theme: 'light',
    language: 'klingon',
    grids: {
      bad: { columns: 3 },
      odd: { columns: ['a', 5, null], widths: { a: 'x', b: 90 }, sort: { column: 'a', direction: 'sideways' } },
    },
  });
  expect(readPreferences(storage(text))).toEqual({
    ...defaultPreferences,
    theme: 'light',
    grids: { odd: { columns: ['a'], widths: { b: 90 }, sort: { column: 'a', direction: 'desc' } } },
  });
});

test('storage that refuses is no error', () => {
  const refusing = {
    getItem: () => {
      throw new Error('denied');
    },
    setItem: () => {
      throw new Error('full');
    },
  };
  expect(readPreferences(refusing)).toEqual(defaultPreferences);
  expect(() => writePreferences(refusing, defaultPreferences)).not.toThrow();
});
