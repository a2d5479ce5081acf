/** `mirage dump`: the tables of the helper, as people and programs read them. */
import { unreachable } from '../base/unreachable.ts';
import type { RuleRow, TopicName } from '../contract/rpc.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { connectionColumns, dnsColumns, logColumns, mappingColumns, ruleColumns } from './dump-columns.ts';
import type { Column } from './table.ts';
import { followTopic } from './topic-follower.ts';
import { readTopic } from './topic-reader.ts';

export const dumpTables = ['connections', 'fake-ip', 'dns', 'rules', 'logs'] as const;
export type DumpTable = (typeof dumpTables)[number];
/** Those whose rows only ever come, one after the other. */
export const followedTables = ['dns', 'logs'] as const satisfies DumpTable[];
export type FollowedTable = (typeof followedTables)[number];

const defaultLimits = { once: 10_000, followed: 10 };

export interface DumpOptions extends GlobalOptions {
  search?: string;
  /** Also connections that have ended. */
  closed: boolean;
  /** At most this many rows, the newest; while following, of those that are there already. */
  limit?: number;
}

export async function dump(context: CommandContext, table: DumpTable, options: DumpOptions): Promise<void> {
  const now = context.clock.now();
  await withHelper(context, options, async (helper) => {
    const { limit = defaultLimits.once } = options;
    const wanted = { limit, ...searchOf(options) };
    const read = <T extends TopicName>(topic: T) => readTopic(helper, topic, wanted, context.clock);
    switch (table) {
      case 'connections': {
        const rows = await readTopic(helper, 'connections', { ...wanted, closed: options.closed }, context.clock);
        return print(context, options, connectionColumns(now), rows, 'No connections.');
      }
      case 'fake-ip':
        return print(
          context,
          options,
          mappingColumns(now),
          await read('mappings'),
          'No mappings: no name has been asked for yet.',
        );
      case 'dns':
        return print(context, options, dnsColumns, await read('dnsLog'), 'No DNS questions yet.');
      case 'logs':
        return print(context, options, logColumns, await read('logs'), 'No log lines yet.');
      case 'rules': {
        const rules = (await helper.call('listRules', {})).filter((rule) => matchesSearch(rule, options.search));
        return print(context, options, ruleColumns, rules.slice(0, limit), 'No rules.');
      }
      default:
        return unreachable(table);
    }
  });
}

/** Prints what comes until the person ends it. With `json` each row is one line, as programs read a stream. */
export async function follow(context: CommandContext, table: FollowedTable, options: DumpOptions): Promise<void> {
  await withHelper(context, options, (helper) => {
    const newest = options.limit ?? defaultLimits.followed;
    const wanted = { newest, ended: context.ended(), ...searchOf(options) };
    const printer = <R>(columns: readonly Column<R>[]) => {
      if (!options.json) return context.console.liveTable(columns);
      return (rows: readonly R[]) => rows.forEach((row) => context.console.line(JSON.stringify(row)));
    };
    switch (table) {
      case 'dns':
        // Who asked is found while the question is answered, or a little later.
        return followTopic(
          helper,
          'dnsLog',
          { ...wanted, isWhole: (row) => row.process !== undefined, show: printer(dnsColumns) },
          context.clock,
        );
      case 'logs':
        return followTopic(
          helper,
          'logs',
          { ...wanted, isWhole: () => true, show: printer(logColumns) },
          context.clock,
        );
      default:
        return unreachable(table);
    }
  });
}

function searchOf({ search }: DumpOptions): { search?: string } {
  return search === undefined ? {} : { search };
}

function print<R>(
  context: CommandContext,
  options: DumpOptions,
  columns: readonly Column<R>[],
  rows: readonly R[],
  empty: string,
): void {
  if (options.json) context.console.json(rows);
  else if (rows.length === 0)
    context.console.line(options.search === undefined ? empty : 'Nothing matches the search.');
  else context.console.table(columns, rows);
}

function matchesSearch(rule: RuleRow, search = ''): boolean {
  const wanted = search.toLowerCase();
  return [rule.type, rule.payload, rule.policy].some((text) => text.toLowerCase().includes(wanted));
}
