/** The DNS part of the benchmarks: Mirage's fake answers beside dnsmasq's from local data, and the helper's memory with a full table. */
import fs from 'node:fs';
import type { Machine } from '../support/lab.ts';
import type { Mirage } from '../support/mirage.ts';
import { dnsAnswers, dnsLatency } from './measure.ts';

const mirageServer = '198.18.0.2';
const dnsmasqServer = '10.77.0.2';
/** Addresses of the client: two askers, so that none has more than its share of the range. */
export const askers = ['10.77.0.1', '10.77.0.9'] as const;
const known = Array.from({ length: 1_000 }, (_, i) => `known${i}.example`);
const held = Array.from({ length: 60_000 }, (_, i) => `held${i}.example`);

type Note = (metric: string, path: string, value: number) => void;

/** Asks for every name that is to be known in the rounds. */
export async function prepareDns(client: Machine): Promise<void> {
  for (const names of [known, held]) await dnsAnswers(client, mirageServer, { names, seconds: 1, once: true });
}

export async function measureDns(
  client: Machine,
  mirage: Mirage,
  round: number,
  seconds: number,
  note: Note,
): Promise<void> {
  /** Runs dnsperf against Mirage and notes what an answer costs the helper: the rest of the cores is dnsperf's. */
  const counted = async (label: string, options: Parameters<typeof dnsAnswers>[2]) => {
    const before = cpuSecondsOf(mirage);
    const measured = await dnsAnswers(client, mirageServer, options);
    note(`DNS helper CPU, us/answer, ${label}`, 'Mirage', ((cpuSecondsOf(mirage) - before) * 1e6) / measured.answers);
    return measured;
  };

  const servers = [
    ['Mirage', mirageServer],
    ['dnsmasq', dnsmasqServer],
  ] as const;
  for (const [label, names] of [
    ['1,000 known names', known],
    ['60,000 known names', held],
  ] as const) {
    for (const [name, server] of servers) {
      const options = { names, seconds };
      const { perSecond, lost } =
        server === mirageServer ? await counted(label, options) : await dnsAnswers(client, server, options);
      note(`DNS answers/s, ${label}`, name, perSecond);
      if (lost > 0) note(`DNS answers lost, ${label}`, name, lost);
    }
  }
  for (const [name, server] of servers) {
    const { p50, p99 } = await dnsLatency(client, server, known);
    note('DNS 64 outstanding p50, ms', name, p50);
    note('DNS 64 outstanding p99, ms', name, p99);
  }
  const fresh = Array.from({ length: 8_000 }, (_, i) => `r${round}n${i}.fresh.example`);
  const first = await counted('first allocations', { names: fresh, seconds, once: true, source: askers[round % 2] });
  note('DNS answers/s, first allocations', 'Mirage', first.perSecond);
}

/** Resident MiB of the helper, also after the rest of the range (a /15) was asked for from two addresses. */
export async function measureMemory(client: Machine, mirage: Mirage): Promise<{ before: number; after: number }> {
  const before = residentOf(mirage);
  for (const [i, source] of askers.entries()) {
    const names = Array.from({ length: 32_000 }, (_, n) => `fill${i}n${n}.fresh.example`);
    await dnsAnswers(client, mirageServer, { names, seconds: 1, once: true, source });
  }
  return { before, after: residentOf(mirage) };
}

/** User and system time of all threads so far (proc_pid_stat(5)). */
function cpuSecondsOf(mirage: Mirage): number {
  const stat = fs.readFileSync(`/proc/${mirage.helper.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentOf(mirage: Mirage): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${mirage.helper.pid}/status`, 'utf8'))?.[1]) / 1024;
}
