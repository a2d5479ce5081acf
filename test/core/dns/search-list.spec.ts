import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { SearchList } from '../../../core/dns/search-list.ts';

test('is read when told, normalised, each once; a failure leaves what was known', async () => {
  let source = async (): Promise<string[]> => ['Home.Example.', 'corp.example', 'home.example', 'lan', ''];
  const list = new SearchList(() => source(), silentLogger);
  expect([list.domains, list.revision]).toEqual([[], 0]);
  await list.read();
  await list.read();
  expect([list.domains, list.revision]).toEqual([['home.example', 'corp.example', 'lan'], 1]);
  source = () => Promise.reject(new Error('gone'));
  await list.read();
  expect([list.domains, list.revision]).toEqual([['home.example', 'corp.example', 'lan'], 1]);
  source = async () => [];
  await list.read();
  expect([list.domains, list.revision]).toEqual([[], 2]);
});
