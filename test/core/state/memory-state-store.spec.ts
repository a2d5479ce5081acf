import { expect, test } from 'vitest';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';

const mapping = (address: string, name: string, answers = 1) => ({
  id: Number(address.split('.')[3]),
  client: '',
  address,
  name,
  firstSeen: 1,
  lastAnswered: 2,
  lastConnected: 0,
  answers,
  flows: 0,
  outcome: '',
  pinned: false,
  retired: false,
  former: '',
  formerUntil: 0,
});

test('behaves as the database does', () => {
  const store = new MemoryStateStore();
  store.put([mapping('198.18.0.5', 'old.example')]);
  store.put([mapping('198.18.0.5', 'new.example')]);
  store.updateStatistics([mapping('198.18.0.5', 'old.example', 9), mapping('198.18.0.6', 'never.example', 9)]);
  expect(store.load()).toEqual([mapping('198.18.0.5', 'new.example')]);
  store.updateStatistics([mapping('198.18.0.5', 'new.example', 9)]);
  store.close();
  expect(store.load()).toEqual([mapping('198.18.0.5', 'new.example', 9)]);
  store.remove([5]);
  expect(store.load()).toEqual([]);
  expect([store.newId(), store.newId()]).toEqual([1, 2]);
  store.addRange('198.18.0.0/15');
  expect(store.ranges()).toEqual(['198.18.0.0/15']);
  store.removeRange('198.18.0.0/15');
  expect(store.ranges()).toEqual([]);
});
