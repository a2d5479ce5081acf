/** The DNS part of the benchmarks: Mirage's fake answers beside dnsmasq's from local data, and the helper's memory with a full table. */
import type { Engine } from './engines.ts';
import { cpuSeconds, dnsAnswers, dnsLatency, resident } from './measure.ts';

const mirageServer = '198.18.0.2';
/** Two askers on a machine, so that none has more than its share of the range. */
const askersOf = ({ server }: Engine) => ['1', '9'].map((host) => server.replace(/\d+$/, host));
const known = Array.from({ length: 1_000 }, (_, i) => `known${i}.example`);
const held = Array.from({ length: 60_000 }, (_, i) => `held${i}.example`);

type Note = (metric: string, engine: string, value: number) => void;

/** Asks for every name that is to be known in the rounds. */
export async function prepareDns({ machine }: Engine): Promise<void> {
  for (const names of [known, held]) await dnsAnswers(machine, mirageServer, { names, seconds: 1, once: true });
}

/** `engines` are builds of Mirage; dnsmasq on the server is asked from the machine without an engine. */
export async function measureDns(
  engines: readonly Engine[],
  bare: Engine,
  round: number,
  seconds: number,
  note: Note,
): Promise<void> {
  /** Runs dnsperf and notes what an answer costs the helper: the rest of the cores is dnsperf's. */
  const counted = async (engine: Engine, label: string, options: Parameters<typeof dnsAnswers>[2]) => {
    const pid = engine.pid ?? 0;
    const before = cpuSeconds(pid);
    const measured = await dnsAnswers(engine.machine, mirageServer, options);
    note(`helper CPU, us/answer, ${label}`, engine.name, ((cpuSeconds(pid) - before) * 1e6) / measured.answers);
    return measured;
  };
  const servers = [...engines, { ...bare, name: 'dnsmasq' }];
  for (const [label, names] of [
    ['1,000 known names', known],
    ['60,000 known names', held],
  ] as const) {
    for (const engine of servers) {
      const options = { names, seconds };
      const { perSecond, lost } =
        engine.mirage === undefined
          ? await dnsAnswers(engine.machine, engine.server, options)
          : await counted(engine, label, options);
      note(`answers/s, ${label}`, engine.name, perSecond);
      if (lost > 0) note(`answers lost, ${label}`, engine.name, lost);
    }
  }
  for (const { name, machine, mirage, server } of servers) {
    const { p50, p99 } = await dnsLatency(machine, mirage === undefined ? server : mirageServer, known);
    note('64 outstanding p50, ms', name, p50);
    note('64 outstanding p99, ms', name, p99);
  }
  const names = Array.from({ length: 8_000 }, (_, i) => `r${round}n${i}.fresh.example`);
  for (const engine of engines) {
    const source = askersOf(engine)[round % 2];
    const first = await counted(engine, 'first allocations', { names, seconds, once: true, source });
    note('answers/s, first allocations', engine.name, first.perSecond);
  }
}

/** Resident MiB of the helper, also after the rest of the range (a /15) was asked for from two addresses. */
export async function measureMemory(engine: Engine): Promise<{ before: number; after: number }> {
  const before = resident(engine.pid ?? 0);
  for (const [i, source] of askersOf(engine).entries()) {
    const names = Array.from({ length: 32_000 }, (_, n) => `fill${i}n${n}.fresh.example`);
    await dnsAnswers(engine.machine, mirageServer, { names, seconds: 1, once: true, source });
  }
  return { before, after: resident(engine.pid ?? 0) };
}
