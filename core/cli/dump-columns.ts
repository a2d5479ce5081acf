/** The columns of the tables that `mirage dump` prints. */
import { formatEndpoint } from '../base/address.ts';
import type { DnsRow, MappingRow } from '../contract/dns.ts';
import type { ConnectionRow, PolicyWay } from '../contract/flow.ts';
import type { LogRow } from '../contract/log.ts';
import type { RuleRow } from '../contract/rpc.ts';
import type { Style } from './paint.ts';
import { formatAge, formatBytes, formatCount, formatMillis, formatTime } from './quantity.ts';
import type { Column } from './table.ts';

export function connectionColumns(now: number): Column<ConnectionRow>[] {
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
  return row.way === undefined ? 'dim' : wayStyles[row.way];
}

const wayStyles: Readonly<Record<PolicyWay, Style>> = { direct: 'dim', proxied: 'cyan', rejected: 'red' };

export function mappingColumns(now: number): Column<MappingRow>[] {
  const ago = (time: number) => (time === 0 ? 'never' : formatAge(now - time));
  return [
    { title: 'FAKE IP', value: (row) => row.address, style: () => 'yellow' },
    {
      title: 'NAME',
      value: (row) => (row.state === 'unknown' ? '(name lost)' : row.name),
      shrinkTo: 20,
      style: (row) => (row.state === 'unknown' ? 'red' : 'bold'),
    },
    { title: 'STATE', value: (row) => row.state, style: (row) => mappingStyles[row.state] },
    { title: 'PIN', value: (row) => (row.pinned ? 'pinned' : ''), style: () => 'cyan' },
    { title: 'ANSWERS', value: (row) => formatCount(row.answers), align: 'right', spare: true },
    { title: 'FLOWS', value: (row) => formatCount(row.flows), align: 'right', spare: true },
    { title: 'LIVE', value: (row) => formatCount(row.liveFlows), align: 'right' },
    { title: 'ANSWERED', value: (row) => ago(row.lastAnswered), align: 'right', spare: true },
    { title: 'CONNECTED', value: (row) => ago(row.lastConnected), align: 'right' },
    {
      title: 'OUTCOME',
      value: (row) => row.outcome,
      shrinkTo: 13,
      style: (row) => (row.outcome === '' || row.outcome === 'ok' ? undefined : 'red'),
    },
    { title: 'FORMER NAME', value: (row) => row.former ?? '', shrinkTo: 12, spare: true, style: () => 'dim' },
    { title: 'FAKE IPV6', value: (row) => row.address6 ?? '', spare: true, style: () => 'yellow' },
  ];
}

const mappingStyles: Readonly<Record<MappingRow['state'], Style>> = {
  live: 'green',
  resting: 'dim',
  free: 'dim',
  retired: 'yellow',
  unknown: 'red',
};

export const dnsColumns: Column<DnsRow>[] = [
  { title: 'TIME', value: (row) => formatTime(row.time), style: () => 'dim', usual: 12 },
  { title: 'CLIENT', value: (row) => row.client, shrinkTo: 10, spare: true, usual: 10 },
  { title: 'PROCESS', value: (row) => row.process ?? '', shrinkTo: 8, usual: 10 },
  { title: 'NAME', value: (row) => row.name, shrinkTo: 16, style: () => 'bold', usual: 30 },
  { title: 'TYPE', value: (row) => row.type, usual: 5 },
  { title: 'VERDICT', value: (row) => row.verdict, style: (row) => verdictStyles[row.verdict], usual: 9 },
  { title: 'ANSWER', value: describeAnswer, shrinkTo: 12, usual: 15 },
  {
    title: 'TOOK',
    // A name that was recovered is no answer that took time.
    value: (row) => (row.verdict === 'recovered' ? '' : formatMillis(row.ms)),
    align: 'right',
    usual: 6,
  },
  { title: 'UPSTREAM', value: (row) => row.upstream ?? '', shrinkTo: 10, spare: true, usual: 20 },
  {
    title: 'ITS TIME',
    value: (row) => (row.upstreamMs === undefined ? '' : formatMillis(row.upstreamMs)),
    align: 'right',
    spare: true,
  },
];

/** The answer's data; of one without data that there is none, and why: `NXDOMAIN` is not `(no records)`. */
function describeAnswer({ rcode, answer }: DnsRow): string {
  if (rcode !== 'NOERROR' && rcode !== '') return answer === '' ? rcode : `${rcode} ${answer}`;
  return answer === '' ? '(no records)' : answer;
}

const verdictStyles: { readonly [V in DnsRow['verdict']]?: Style } = {
  fake: 'yellow',
  recovered: 'yellow',
  blocked: 'red',
  refused: 'red',
  error: 'red',
};

export const ruleColumns: Column<RuleRow>[] = [
  { title: '#', value: (row) => formatCount(row.index + 1), align: 'right', style: () => 'dim' },
  { title: 'TYPE', value: (row) => row.type },
  { title: 'PAYLOAD', value: (row) => row.payload, shrinkTo: 16, style: () => 'bold' },
  { title: 'POLICY', value: (row) => row.policy, shrinkTo: 8 },
  { title: 'OPTION', value: optionsOf },
  { title: 'HITS', value: (row) => formatCount(row.hits), align: 'right' },
  { title: 'MISSES', value: (row) => formatCount(row.misses), align: 'right', style: () => 'dim' },
];

function optionsOf({ noResolve, src, off }: RuleRow): string {
  return [...(noResolve ? ['no-resolve'] : []), ...(src === true ? ['src'] : []), ...(off ? ['off'] : [])].join(', ');
}

export const logColumns: Column<LogRow>[] = [
  { title: 'TIME', value: (row) => formatTime(row.time), style: () => 'dim', usual: 12 },
  { title: 'LEVEL', value: (row) => row.level, style: logStyle, usual: 7 },
  { title: 'COMPONENT', value: (row) => row.component, style: () => 'dim', usual: 10 },
  { title: 'MESSAGE', value: (row) => row.message },
];

function logStyle(row: LogRow): Style | undefined {
  if (row.level === 'error') return 'red';
  return row.level === 'warning' ? 'yellow' : undefined;
}
