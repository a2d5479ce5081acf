/** `mirage dump`: the tables of the helper, as people and programs read them. */
import { formatEndpoint } from '../base/address.ts';
import { unreachable } from '../base/unreachable.ts';
import type { DnsRow, MappingRow } from '../contract/dns.ts';
import type { ConnectionRow } from '../contract/flow.ts';
import type { LogRow } from '../contract/log.ts';
import type { RuleRow } from '../contract/rpc.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import type { Style } from './paint.ts';
import { formatAge, formatBytes, formatCount, formatMillis, formatTime } from './quantity.ts';
import type { Column } from './table.ts';
import { readTopic } from './topic-reader.ts';

export const dumpTables = ['connections', 'fake-ip', 'dns', 'rules', 'logs'] as const;
export type DumpTable = (typeof dumpTables)[number];

export interface DumpOptions extends GlobalOptions {
  search?: string;
  /** Also connections that have ended. */
  closed: boolean;
  limit: number;
}

export async function dump(context: CommandContext, table: DumpTable, options: DumpOptions): Promise<void> {
  const now = context.clock.now();
  await withHelper(context, options, async (helper) => {
    const search = options.search === undefined ? {} : { search: options.search };
    const wanted = { limit: options.limit, ...search };
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
          await readTopic(helper, 'mappings', wanted, context.clock),
          'No mappings: no name has been asked for yet.',
        );
      case 'dns':
        return print(
          context,
          options,
          dnsColumns,
          await readTopic(helper, 'dnsLog', wanted, context.clock),
          'No DNS questions yet.',
        );
      case 'logs':
        return print(
          context,
          options,
          logColumns,
          await readTopic(helper, 'logs', wanted, context.clock),
          'No log lines yet.',
        );
      case 'rules': {
        const rules = (await helper.call('listRules', {})).filter((rule) => matchesSearch(rule, options.search));
        return print(context, options, ruleColumns, rules.slice(0, options.limit), 'No rules.');
      }
      default:
        return unreachable(table);
    }
  });
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

function connectionColumns(now: number): Column<ConnectionRow>[] {
  return [
    { title: 'ID', value: (row) => row.id, style: () => 'dim' },
    { title: 'PROCESS', value: (row) => row.process?.name ?? '-', shrinkTo: 8 },
    {
      title: 'HOST',
      value: (row) => formatEndpoint(row.destination),
      shrinkTo: 20,
      narrow: 'middle',
      style: () => 'bold',
    },
    { title: 'FAKE IP', value: (row) => row.fakeIp ?? '', spare: true, style: () => 'yellow' },
    { title: 'NET', value: (row) => row.network },
    { title: 'RULE', value: describeRule, shrinkTo: 16, narrow: 'middle' },
    { title: 'VIA', value: (row) => row.chain.toReversed().join(' > '), shrinkTo: 8, style: policyStyle },
    { title: 'UP', value: (row) => formatBytes(row.up), align: 'right' },
    { title: 'DOWN', value: (row) => formatBytes(row.down), align: 'right' },
    { title: 'AGE', value: (row) => formatAge((row.closedAt ?? now) - row.openedAt), align: 'right' },
    {
      title: 'STATE',
      value: describeState,
      shrinkTo: 8,
      style: (row) => (row.error === undefined ? undefined : 'red'),
    },
  ];
}

function describeRule({ rule }: ConnectionRow): string {
  if (rule === undefined) return '';
  return rule.payload === '' ? rule.type : `${rule.type} ${rule.payload}`;
}

/** Of one that has ended: why. */
function describeState(row: ConnectionRow): string {
  if (row.error !== undefined) return row.error.code;
  return row.closeReason ?? row.state;
}

function policyStyle(row: ConnectionRow): Style | undefined {
  const leaf = row.chain[0];
  if (leaf === undefined || leaf === 'DIRECT') return 'dim';
  return leaf.startsWith('REJECT') ? 'red' : 'cyan';
}

function mappingColumns(now: number): Column<MappingRow>[] {
  const ago = (time: number) => (time === 0 ? 'never' : formatAge(now - time));
  return [
    { title: 'FAKE IP', value: (row) => row.address, style: () => 'yellow' },
    { title: 'NAME', value: (row) => row.name, shrinkTo: 20, style: () => 'bold' },
    { title: 'STATE', value: (row) => row.state, style: (row) => (row.state === 'live' ? 'green' : 'dim') },
    { title: 'ANSWERS', value: (row) => formatCount(row.answers), align: 'right' },
    { title: 'FLOWS', value: (row) => formatCount(row.flows), align: 'right' },
    { title: 'LIVE', value: (row) => formatCount(row.liveFlows), align: 'right' },
    { title: 'ANSWERED', value: (row) => ago(row.lastAnswered), align: 'right' },
    { title: 'CONNECTED', value: (row) => ago(row.lastConnected), align: 'right' },
    {
      title: 'OUTCOME',
      value: (row) => row.outcome,
      style: (row) => (row.outcome === '' || row.outcome === 'ok' ? undefined : 'red'),
    },
  ];
}

const dnsColumns: Column<DnsRow>[] = [
  { title: 'TIME', value: (row) => formatTime(row.time), style: () => 'dim' },
  { title: 'CLIENT', value: (row) => row.client, shrinkTo: 10 },
  { title: 'NAME', value: (row) => row.name, shrinkTo: 20, style: () => 'bold' },
  { title: 'TYPE', value: (row) => row.type },
  { title: 'VERDICT', value: (row) => row.verdict, style: verdictStyle },
  { title: 'RCODE', value: (row) => row.rcode },
  { title: 'ANSWER', value: (row) => row.answer, shrinkTo: 12 },
  { title: 'UPSTREAM', value: (row) => row.upstream ?? '', shrinkTo: 10 },
  { title: 'TOOK', value: (row) => formatMillis(row.ms), align: 'right' },
];

function verdictStyle(row: DnsRow): Style | undefined {
  if (row.verdict === 'fake') return 'yellow';
  return row.verdict === 'error' || row.verdict === 'refused' ? 'red' : undefined;
}

const ruleColumns: Column<RuleRow>[] = [
  { title: '#', value: (row) => String(row.index), align: 'right', style: () => 'dim' },
  { title: 'TYPE', value: (row) => row.type },
  { title: 'PAYLOAD', value: (row) => row.payload, shrinkTo: 16, style: () => 'bold' },
  { title: 'POLICY', value: (row) => row.policy, shrinkTo: 8 },
  { title: 'OPTION', value: (row) => (row.noResolve ? 'no-resolve' : '') },
  { title: 'HITS', value: (row) => formatCount(row.hits), align: 'right' },
];

const logColumns: Column<LogRow>[] = [
  { title: 'TIME', value: (row) => formatTime(row.time), style: () => 'dim' },
  { title: 'LEVEL', value: (row) => row.level, style: logStyle },
  { title: 'COMPONENT', value: (row) => row.component, style: () => 'dim' },
  { title: 'MESSAGE', value: (row) => row.message },
];

function logStyle(row: LogRow): Style | undefined {
  if (row.level === 'error') return 'red';
  return row.level === 'warning' ? 'yellow' : undefined;
}
