/**
 * Which mappings of some can be pinned, unpinned or released: menus and questions offer that and nothing else. The rules are
 * the helper's, which passes over the others without a word.
 */
import type { MappingRow } from '../../../core/contract/dns.ts';

export type MappingAction = 'pin' | 'unpin' | 'retire';

export type PossibleChanges = Readonly<Record<MappingAction, readonly MappingRow[]>>;

/**
 * `range` is the prefix in use. Addresses of a former one only end, even those that are live still; an address whose name was
 * lost has no mapping. What was released can be pinned: that takes it back.
 */
export function possibleChanges(rows: Iterable<MappingRow>, range: string | undefined): PossibleChanges {
  const changes: Record<MappingAction, MappingRow[]> = { pin: [], unpin: [], retire: [] };
  const isOfRange = range === undefined ? () => false : membership(range);
  for (const row of rows) {
    if (row.state === 'unknown' || !isOfRange(row.address)) continue;
    if (row.pinned) {
      changes.unpin.push(row);
    } else {
      changes.pin.push(row);
      if (row.state !== 'retired') changes.retire.push(row);
    }
  }
  return changes;
}

/** The row as it will be; what is still used stays live when it is released. */
export function changedRow(row: MappingRow, action: MappingAction): MappingRow {
  switch (action) {
    case 'pin':
      return { ...row, pinned: true, state: row.state === 'retired' ? 'resting' : row.state };
    case 'unpin':
      return { ...row, pinned: false };
    case 'retire':
      return { ...row, state: row.liveFlows > 0 ? row.state : 'retired' };
  }
}

/** Whether addresses are of an IPv4 prefix such as `198.18.0.0/15`. */
function membership(range: string): (address: string) => boolean {
  const [network = '', bits = '32'] = range.split('/');
  const size = 2 ** (32 - Number(bits));
  const place = (address: string) => Math.floor(numberOf(address) / size);
  const own = place(network);
  return (address) => place(address) === own;
}

/** NaN for what is no IPv4 address; it equals nothing. */
function numberOf(address: string): number {
  const octets = address.split('.');
  return octets.length === 4 ? octets.reduce((value, octet) => value * 256 + Number(octet), 0) : Number.NaN;
}
