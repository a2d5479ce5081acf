import { expect, test } from 'vitest';
import { takeSessionKey } from '../../../renderer/bridge/session-key.ts';

const key = 'AbCdEfGhIjKlMnOpQrStUv';

function page(hash: string, kept = new Map<string, string>(), broken = false) {
  const addresses: string[] = [];
  const storage = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  };
  const places = {
    location: { hash, pathname: '/' },
    history: { replaceState: (_data: unknown, _unused: string, url: string) => void addresses.push(url) },
    storage: () => {
      if (broken) throw new Error('SecurityError');
      return storage;
    },
  };
  return { places, addresses, kept };
}

test('the key leaves the address bar and is there for the next page of this origin', () => {
  const first = page(`#key=${key}`);
  expect(takeSessionKey(first.places)).toBe(key);
  expect(first.addresses).toEqual(['/']);
  const second = page('', first.kept);
  expect(takeSessionKey(second.places)).toBe(key);
  expect(second.addresses).toEqual([]);
});

test.each(['', '#/rules', '#key=', '#key=<script>', `#key=${key}&x`])('%j is no key and stays where it is', (hash) => {
  const { places, addresses } = page(hash);
  expect([takeSessionKey(places), addresses]).toEqual(['', []]);
});

test('where nothing may be stored, it holds for the page', () => {
  expect(takeSessionKey(page(`#key=${key}`, new Map(), true).places)).toBe(key);
  expect(takeSessionKey(page('', new Map(), true).places)).toBe('');
});
