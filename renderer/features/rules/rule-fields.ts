/** What the rules table reads out of a row: search fields and flat records for export. */
import type { RuleRow } from '../../../core/contract/rpc.ts';
import type { RowEntry } from '../../stores/row-table.ts';
import type { CsvValue } from '../../text/csv.ts';
import type { SearchFields } from '../../text/filter.ts';

/** A rule with where it stands in the profile. */
export interface PlacedRule extends RuleRow {
  /** Its line; negative: in the override. Undefined where that is not known. */
  readonly line: number | undefined;
}

export type RuleEntry = RowEntry<PlacedRule>;

export const ruleKey = ({ row }: RuleEntry): string => String(row.index);

export const ruleSearch: SearchFields<RuleEntry> = {
  fields: {
    type: ({ row }) => [row.type],
    payload: ({ row }) => [row.payload],
    policy: ({ row }) => [row.policy],
    rule: ({ row }) => [row.type, row.payload, row.policy],
    off: ({ row }) => [row.off ? 'yes' : 'no'],
    from: ({ row }) => [fileOf(row)],
  },
  numbers: { hits: ({ row }) => row.hits, misses: ({ row }) => row.misses },
  text: ({ row }) => `${row.type} ${row.payload} ${row.policy}`.toLowerCase(),
};

/** Which of the two texts it is in. */
export function fileOf({ line }: Pick<PlacedRule, 'line'>): 'profile' | 'override' | undefined {
  if (line === undefined || line === 0) return undefined;
  return line < 0 ? 'override' : 'profile';
}

export function ruleRecord({ row }: RuleEntry): Record<string, CsvValue> {
  const { index, type, payload, policy, hits, misses, off, line } = row;
  const place = line === undefined ? undefined : Math.abs(line);
  return { number: index + 1, type, payload, policy, hits, misses, off, from: fileOf(row), line: place };
}
