/** Turns samples into medians with spread, and those into a JSON file and a Markdown table. */
import fs from 'node:fs';
import path from 'node:path';

export interface Report {
  /** Ends the name of the file with the samples, and names the page: a part does not write over the whole. */
  part?: 'dns';
  date: string;
  machine: string;
  command: string;
  rounds: number;
  notes: readonly string[];
  /** `metric|path` -> one value per round. */
  samples: ReadonlyMap<string, readonly number[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function writeReport(directory: string, report: Report): void {
  const rows = [...report.samples].map(([key, values]) => {
    const [metric = '', name = ''] = key.split('|');
    return { metric, path: name, median: median(values), min: Math.min(...values), max: Math.max(...values), values };
  });
  fs.mkdirSync(path.join(directory, 'results'), { recursive: true });
  fs.writeFileSync(
    path.join(directory, 'results', `${report.date}${report.part === undefined ? '' : `-${report.part}`}.json`),
    `${JSON.stringify({ ...report, samples: rows }, null, 2)}\n`,
  );
  const paths = [...new Set(rows.map((row) => row.path))];
  const metrics = [...new Set(rows.map((row) => row.metric))];
  const cell = (metric: string, name: string): string => {
    const row = rows.find((candidate) => candidate.metric === metric && candidate.path === name);
    if (row === undefined) return '-';
    return `${format(row.median)} (${format(row.min)} to ${format(row.max)})`;
  };
  const table = [
    `| | ${paths.join(' | ')} |`,
    `|---|${paths.map(() => '---').join('|')}|`,
    ...metrics.map((metric) => `| ${metric} | ${paths.map((name) => cell(metric, name)).join(' | ')} |`),
  ];
  const text = `${headOf(report)}

${report.date}, ${report.machine}. \`${report.command}\`

${table.join('\n')}

${report.notes.map((note) => `- ${note}`).join('\n')}
`;
  fs.writeFileSync(path.join(directory, `${report.part ?? 'README'}.md`), text);
  process.stdout.write(`\n${table.join('\n')}\n${report.notes.join('\n')}\n`);
}

function headOf({ part, rounds }: Report): string {
  const medians = `Medians of ${rounds} rounds (lowest to highest), the paths interleaved in every round.`;
  if (part === 'dns')
    return `# DNS benchmarks

${medians} Mirage answers with fake addresses through the TUN,
dnsmasq from local data over a veth. dnsperf, the engine and the server share the machine's cores, so read the ratio to dnsmasq
in the same run, not the absolute figures. A first allocation is in the database before it is answered.`;
  return `# Benchmarks

${medians} Client, engine, SOCKS server (microsocks) and
sink share the machine's cores. Read the ratios to the bare veth of the same run, not the absolute figures; microsocks copies
through a small buffer and is itself the limit of its column's throughput. DNS alone: \`--dns\`, [dns.md](dns.md).`;
}

function format(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
