import { describe, expect, test } from 'vitest';
import type { MappingRow } from '../../../../core/contract/dns.ts';
import { changedRow, possibleChanges } from '../../../../renderer/features/mappings/mapping-changes.ts';

const range = '198.18.0.0/15';
const mapping = (address: string, change: Partial<MappingRow> = {}): MappingRow => ({
  address,
  name: `${address}.example`,
  state: 'resting',
  firstSeen: 0,
  lastAnswered: 0,
  lastConnected: 0,
  answers: 0,
  flows: 0,
  liveFlows: 0,
  pinned: false,
  outcome: '',
  ...change,
});

/** What is possible, by its names. */
function offered(row: MappingRow, inUse: string | undefined): string[] {
  return Object.entries(possibleChanges([row], inUse)).flatMap(([action, rows]) => (rows.length > 0 ? [action] : []));
}

describe('of one row', () => {
  test.each([
    ['live', mapping('198.18.0.9', { state: 'live', liveFlows: 1 }), ['pin', 'retire']],
    ['resting', mapping('198.18.0.9'), ['pin', 'retire']],
    ['free', mapping('198.18.0.9', { state: 'free' }), ['pin', 'retire']],
    ['pinned', mapping('198.18.0.9', { pinned: true }), ['unpin']],
    ['pinned and live', mapping('198.18.0.9', { pinned: true, state: 'live', liveFlows: 1 }), ['unpin']],
    ['released: it can be taken back', mapping('198.18.0.9', { state: 'retired' }), ['pin']],
    ['of a former range', mapping('10.128.0.9', { state: 'retired' }), []],
    ['of a former range and live', mapping('10.128.0.9', { state: 'live', liveFlows: 1 }), []],
    ['a lost name', mapping('198.18.0.9', { state: 'unknown', name: '' }), []],
  ])('%s', (_, row, expected) => {
    expect(offered(row, range)).toEqual(expected);
  });

  test.each([
    ['198.17.255.255', range, false],
    ['198.18.0.0', range, true],
    ['198.19.255.255', range, true],
    ['198.20.0.0', range, false],
    ['240.0.0.1', '240.0.0.0/4', true],
    ['10.1.2.3', '10.1.2.0/24', true],
    ['fdfe::9', range, false],
    ['198.18.0.9', undefined, false],
    ['198.18.0.9', 'fdfe::/96', false],
    ['198.18.0.9', '', false],
  ])('%s in %s: %s', (address, inUse, expected) => {
    expect(offered(mapping(address), inUse).length > 0).toBe(expected);
  });
});

test('of several, each row where it belongs', () => {
  const rows = [
    mapping('198.18.0.3', { state: 'live' }),
    mapping('198.18.0.4', { pinned: true }),
    mapping('198.18.0.5', { state: 'retired' }),
    mapping('198.18.0.6', { state: 'unknown', name: '' }),
    mapping('10.0.0.7', { state: 'retired' }),
  ];
  const { pin, unpin, retire } = possibleChanges(rows, range);
  const addresses = (some: readonly MappingRow[]) => some.map(({ address }) => address);
  expect([pin, unpin, retire].map(addresses)).toEqual([['198.18.0.3', '198.18.0.5'], ['198.18.0.4'], ['198.18.0.3']]);
});

test('rows as they will be', () => {
  const row = mapping('198.18.0.3');
  const live = mapping('198.18.0.3', { state: 'live', liveFlows: 2 });
  const released = mapping('198.18.0.3', { state: 'retired' });
  expect(changedRow(row, 'pin')).toEqual({ ...row, pinned: true });
  expect(changedRow(released, 'pin')).toEqual({ ...row, pinned: true });
  expect(changedRow({ ...live, pinned: true }, 'unpin')).toEqual(live);
  expect(changedRow(row, 'retire')).toEqual(released);
  expect(changedRow(live, 'retire')).toEqual(live);
});
