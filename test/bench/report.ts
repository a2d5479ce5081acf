/** Turns samples into medians with spread, and those into a JSON file and Markdown tables. */
import fs from 'node:fs';
import path from 'node:path';

/** Values by table (a way of the bytes, or DNS), metric and engine, in the order in which they were first noted. */
export class Samples {
  readonly #values = new Map<string, Map<string, Map<string, number[]>>>();

  note(table: string, metric: string, engine: string, value: number): void {
    const metrics = this.#values.get(table) ?? new Map<string, Map<string, number[]>>();
    const engines = metrics.get(metric) ?? new Map<string, number[]>();
    this.#values.set(table, metrics.set(metric, engines.set(engine, [...(engines.get(engine) ?? []), value])));
    process.stderr.write(`   ${table.padEnd(7)} ${engine.padEnd(10)} ${metric.padEnd(48)} ${value.toPrecision(4)}\n`);
  }

  get tables(): readonly string[] {
    return [...this.#values.keys()];
  }

  metrics(table: string): ReadonlyMap<string, ReadonlyMap<string, readonly number[]>> {
    return this.#values.get(table) ?? new Map();
  }
}

export interface Report {
  /** Ends the name of the file with the samples, and names the page: a part does not write over the whole. */
  part?: 'dns';
  date: string;
  machine: string;
  command: string;
  rounds: number;
  notes: readonly string[];
  samples: Samples;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** One Markdown table a way. */
export function tablesOf(samples: Samples): string {
  return samples.tables.map((table) => `## ${titleOf(table)}\n\n${tableOf(samples.metrics(table))}`).join('\n\n');
}

export function writeReport(directory: string, report: Report): void {
  const { samples, ...head } = report;
  const rows = samples.tables.flatMap((table) =>
    [...samples.metrics(table)].flatMap(([metric, engines]) =>
      [...engines].map(([engine, values]) => ({ table, metric, engine, median: median(values), values })),
    ),
  );
  fs.mkdirSync(path.join(directory, 'results'), { recursive: true });
  fs.writeFileSync(
    path.join(directory, 'results', `${report.date}${report.part === undefined ? '' : `-${report.part}`}.json`),
    `${JSON.stringify({ ...head, samples: rows }, null, 2)}\n`,
  );
  const tables = tablesOf(samples);
  const text = `${headOf(report)}

${report.date}, ${report.machine}. \`${report.command}\`

${tables}

${report.notes.map((note) => `- ${note}`).join('\n')}
`;
  fs.writeFileSync(path.join(directory, `${report.part ?? 'README'}.md`), text);
  process.stdout.write(`\n${tables}\n\n${report.notes.join('\n')}\n`);
}

/** One column an engine, and last how the present build compares with the one before, measured beside it. */
function tableOf(metrics: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>): string {
  const engines = [...new Set([...metrics.values()].flatMap((row) => [...row.keys()]))].toSorted(byColumn);
  const compares = engines.includes('before');
  const head = [...engines, ...(compares ? ['now / before'] : [])];
  const lines = [`| | ${head.join(' | ')} |`, `|---|${head.map(() => '---').join('|')}|`];
  for (const [metric, row] of metrics) {
    const cells = engines.map((engine) => cell(row.get(engine)));
    if (compares) cells.push(ratio(row.get('Mirage'), row.get('before')));
    lines.push(`| ${metric} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

const columns = ['bare veth', 'Mirage', 'before'];

/** Engines take turns at being the first; columns do not. */
function byColumn(a: string, b: string): number {
  const order = (engine: string) => (columns.includes(engine) ? columns.indexOf(engine) : columns.length);
  return order(a) - order(b) || a.localeCompare(b);
}

function cell(values: readonly number[] | undefined): string {
  if (values === undefined) return '-';
  if (values.length === 1) return format(values[0] ?? Number.NaN);
  return `${format(median(values))} (${format(Math.min(...values))} to ${format(Math.max(...values))})`;
}

/** Of the rounds' own ratios: what disturbed a round disturbed both. */
function ratio(now: readonly number[] | undefined, before: readonly number[] | undefined): string {
  if (now === undefined || before === undefined) return '-';
  const ratios = now.flatMap((value, round) => (before[round] ? [value / before[round]] : []));
  return ratios.length === 0 ? '-' : median(ratios).toFixed(2);
}

function titleOf(table: string): string {
  return { direct: 'DIRECT', SOCKS5: 'Through a SOCKS5 server' }[table] ?? table;
}

function headOf({ part, rounds }: Report): string {
  const medians = `Medians of ${rounds} rounds (lowest to highest); the engines take turns at every measurement.`;
  if (part === 'dns')
    return `# DNS benchmarks

${medians} Mirage answers with fake addresses through the TUN,
dnsmasq from local data over a veth. dnsperf, the engine and the server share the machine's cores, so read the ratio to dnsmasq
in the same run, not the absolute figures. A first allocation is in the database before it is answered.`;
  return `# Benchmarks

${medians} Client, engine, SOCKS server (sing-box)
and sink share the machine's cores: read the ratios within a run, not the absolute figures. sing-box and mihomo run as they
are told to by default (MTU, \`stack: mixed\`). *before* is the build named by \`--before\`; the last column is the median of
the rounds' ratios. DNS alone: \`--dns\`, [dns.md](dns.md).`;
}

function format(value: number): string {
  if (value === 0) return '0';
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
