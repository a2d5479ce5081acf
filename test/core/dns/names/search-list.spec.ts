import { expect, test } from 'vitest';
import { silentLogger } from '../../../../core/base/logger.ts';
import { SearchList, type WrittenSearchList } from '../../../../core/dns/names/search-list.ts';

test('is read when told, normalised, each once; a failure leaves what was known', async () => {
  let source = async (): Promise<WrittenSearchList> => ({
    domains: ['Home.Example.', 'corp.example', 'home.example', 'lan', ''],
    ndots: 1,
  });
  const list = new SearchList(() => source(), silentLogger);
  expect([list.domains, list.revision]).toEqual([[], 0]);
  await list.read();
  await list.read();
  expect([list.domains, list.revision]).toEqual([['home.example', 'corp.example', 'lan'], 1]);
  source = () => Promise.reject(new Error('gone'));
  await list.read();
  expect([list.domains, list.revision]).toEqual([['home.example', 'corp.example', 'lan'], 1]);
  source = async () => ({ domains: [], ndots: 1 });
  await list.read();
  expect([list.domains, list.revision]).toEqual([[], 2]);
  source = async () => ({ domains: [], ndots: 5 });
  await list.read();
  expect([list.ndots, list.revision]).toEqual([5, 3]);
});
