/** Single measurements, each on a path that is a target address. All answer one number. */
import type { Machine } from '../support/lab.ts';

/** Gbit/s as the receiver saw them. */
export async function throughput(
  client: Machine,
  target: string,
  options: { down: boolean; streams: number; seconds: number },
): Promise<number> {
  const args = [
    '-c',
    target,
    '-t',
    String(options.seconds),
    '-J',
    '-P',
    String(options.streams),
    ...(options.down ? ['-R'] : []),
  ];
  const result = await client.run('iperf3', args, { timeoutMs: options.seconds * 1_000 + 20_000 });
  const report = JSON.parse(result.stdout) as { error?: string; end?: { sum_received?: { bits_per_second: number } } };
  if (report.end?.sum_received === undefined) throw new Error(`iperf3 to ${target}: ${report.error ?? result.stderr}`);
  return report.end.sum_received.bits_per_second / 1e9;
}

/** Round trips of `size` bytes over open connections, one at a time on each: median and 99th percentile in microseconds. */
export async function requestResponse(
  client: Machine,
  target: string,
  options: { connections: number; size: number; seconds: number },
): Promise<{ p50: number; p99: number }> {
  return await script(client, requestResponseScript, [target, options.connections, options.size, options.seconds]);
}

/** Connections a second: connect, exchange 64 bytes, close; `parallel` at once. */
export async function connects(
  client: Machine,
  target: string,
  options: { parallel: number; seconds: number },
): Promise<{ perSecond: number; failed: number }> {
  return await script(client, connectScript, [target, options.parallel, options.seconds]);
}

/** Questions answered a second by dnsperf, 64 outstanding. `source` is the address it asks from. */
export async function dnsAnswers(
  client: Machine,
  server: string,
  options: { names: readonly string[]; seconds: number; once?: boolean; source?: string | undefined },
): Promise<{ perSecond: number; answers: number; lost: number }> {
  const file = `${client.directory}/names-${options.names.length}`;
  await client.write(file, options.names.map((name) => `${name} A\n`).join(''));
  const from = options.source === undefined ? [] : ['-a', options.source];
  const limit = options.once ? ['-n', '1'] : ['-l', String(options.seconds)];
  const result = await client.run(
    'dnsperf',
    ['-s', server, '-d', file, '-q', '64', '-c', '4', '-t', '2', ...limit, ...from],
    {
      timeoutMs: 60_000,
    },
  );
  const perSecond = Number(/Queries per second:\s+([\d.]+)/.exec(result.stdout)?.[1]);
  const answers = Number(/Queries completed:\s+(\d+)/.exec(result.stdout)?.[1]);
  const lost = Number(/Queries lost:\s+(\d+)/.exec(result.stdout)?.[1]);
  if (!(perSecond > 0)) throw new Error(`dnsperf: ${result.stdout}${result.stderr}`);
  return { perSecond, answers, lost };
}

/** Milliseconds until the answer with 64 questions outstanding: median and 99th percentile of at most 100,000. */
export async function dnsLatency(
  client: Machine,
  server: string,
  names: readonly string[],
): Promise<{ p50: number; p99: number }> {
  const file = `${client.directory}/latency-names`;
  await client.write(file, names.map((name) => `${name} A\n`).join(''));
  const loops = Math.max(1, Math.floor(50_000 / names.length));
  const percentiles =
    "awk '/^> /{print $NF}' | sort -g | awk '{v[NR]=$1} END {print v[int((NR+1)/2)], v[int(NR*0.99)]}'";
  const result = await client.sh(
    `dnsperf -v -s ${server} -d ${file} -q 64 -c 1 -n ${loops} 2>/dev/null | ${percentiles}`,
  );
  const [p50 = Number.NaN, p99 = Number.NaN] = result
    .trim()
    .split(' ')
    .map((seconds) => Number(seconds) * 1_000);
  if (!(p50 > 0)) throw new Error(`dnsperf -v: ${result}`);
  return { p50, p99 };
}

async function script<T>(client: Machine, text: string, args: readonly (string | number)[]): Promise<T> {
  const result = await client.run(process.execPath, ['-e', text, ...args.map(String)], { timeoutMs: 60_000 });
  if (result.code !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as T;
}

const requestResponseScript = `
const net = require('net'); const [target, connections, size, seconds] = process.argv.slice(1); const samples = []; const end = Date.now() + seconds * 1000; let open = 0;
for (let i = 0; i < Number(connections); i++) {
  const socket = net.connect(7, target); const payload = Buffer.alloc(Number(size), 1); let left = 0; let begun;
  const ask = () => { if (Date.now() > end) return socket.end(); begun = process.hrtime.bigint(); left = payload.length; socket.write(payload); };
  socket.setNoDelay(true); open++; socket.on('connect', ask);
  socket.on('data', (chunk) => { left -= chunk.length; if (left === 0) { samples.push(Number(process.hrtime.bigint() - begun) / 1000); ask(); } });
  socket.on('close', () => { if (--open === 0) { samples.sort((a, b) => a - b); console.log(JSON.stringify({ p50: samples[samples.length >> 1], p99: samples[Math.floor(samples.length * 0.99)] })); } });
}`;

const connectScript = `
const net = require('net'); const [target, parallel, seconds] = process.argv.slice(1); const begun = Date.now(); const end = begun + seconds * 1000; let done = 0, failed = 0, running = Number(parallel);
const one = () => { if (Date.now() > end) { if (--running === 0) console.log(JSON.stringify({ perSecond: done / ((Date.now() - begun) / 1000), failed })); return; }
  const socket = net.connect(7, target, () => socket.write(Buffer.alloc(64, 1))); let got = 0; let over = false; const finish = (ok) => { if (over) return; over = true; ok ? done++ : failed++; socket.destroy(); setImmediate(one); };
  socket.on('data', (chunk) => { got += chunk.length; if (got === 64) { socket.end(); finish(true); } }); socket.on('error', () => finish(false)); socket.on('end', () => finish(got === 64)); };
for (let i = 0; i < Number(parallel); i++) one();`;
