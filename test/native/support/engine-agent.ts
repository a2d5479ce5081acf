/** The process that owns an engine on the client machine: records events and decides by rules it was given. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { ProxyConfig, TlsConfig } from '../../../core/contract/proxy-config.ts';
import { AnswerBatch, BatchReader } from '../../../core/dns/router/dns-batch.ts';
import { encodeConnectRequest } from '../../../core/net/http-connect-request.ts';
import type { ChainLink } from '../../../core/outbound/chain-link.ts';
import { httpLink } from '../../../core/outbound/http-link.ts';
import { nativeLayer } from '../../../core/outbound/native-layer.ts';
import { shadowsocksLink } from '../../../core/outbound/shadowsocks-link.ts';
import { socks5Link } from '../../../core/outbound/socks5-link.ts';
import { trojanLink } from '../../../core/outbound/trojan-link.ts';
import type * as native from '../../../native/index.d.ts';
import { serve } from './agent.ts';

/** Port 53 of every server is ours. */
const allServers = { taken: ['0.0.0.0/0', '::/0'], spared: [] };
const dnsHijack: native.DnsHijack = { udp: allServers, tcp: allServers };

const addon = createRequire(import.meta.url)('../../../native/mirage.node') as typeof native;

export interface ProxyVerdict {
  kind: 'proxy';
  protocol: 'socks5' | 'http-connect';
  tls?: TlsConfig;
  hops: native.Hop[];
  port: number;
  timeoutMs: number;
  username?: string;
  password?: string;
  targetHost?: string;
  targetPort?: number;
  /** Proxies behind this one, each with the address that it is called by there. */
  next?: (Pick<ProxyVerdict, 'protocol' | 'username' | 'password' | 'tls'> & { at: { host: string; port: number } })[];
}

/** What to do with flows to a destination; a missing part matches all. Without a matching rule a flow stays held. */
export interface Rule {
  network?: 'tcp' | 'udp';
  address?: string;
  port?: number;
  /** `direct` dials the destination itself through `device`; verdicts are given as they are. */
  verdict:
    | native.Verdict
    | { kind: 'direct'; device: string; timeoutMs?: number }
    /** As a name is dialled: these hops, and the port that was asked for. */
    | { kind: 'named'; hops: native.Hop[] }
    /** Through nodes one behind the other, as outbounds plan it; `to` is asked for instead of the destination. */
    | { kind: 'nodes'; nodes: ProxyConfig[]; device: string; timeoutMs?: number; to?: { host: string; port: number } }
    /** A proxy is asked for the destination itself, unless it is told another. */
    | ProxyVerdict;
  /** After a failed dial; by default refused is reset and everything else unreachable. */
  otherwise?: native.Verdict;
}

export type RecordedEvent =
  | Exclude<native.EngineEvent, { kind: 'dns' }>
  | { kind: 'dns'; network: string; destination: string; length: number };

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

let engine: native.Engine | undefined;
let rules: Rule[] = [];
let dnsAnswer: { padTo: number } | 'none' = { padTo: 0 };
const events: RecordedEvent[] = [];
const opened = new Map<number, Rule>();

function current(): native.Engine {
  if (!engine) throw new Error('no engine');
  return engine;
}

function onEvents(batch: native.EngineEvent[]): void {
  setImmediate(() => engine?.ready());
  for (const event of batch) {
    if (event.kind === 'dns') {
      answer(event);
      continue;
    }
    events.push(event);
    if (event.kind === 'open') decide(event);
    if (event.kind === 'echo') current().decideEcho(event.id, { kind: 'refuse', how: 'prohibited' });
    if (event.kind === 'dialed' && !event.ok) {
      const otherwise = opened.get(event.id)?.otherwise;
      current().decide(
        event.id,
        otherwise ?? { kind: 'reject', how: event.failure === 'refused' ? 'reset' : 'unreachable' },
      );
    }
    if (event.kind === 'close') opened.delete(event.id);
  }
}

function answer({ firstToken, count, questions }: Extract<native.EngineEvent, { kind: 'dns' }>): void {
  const reader = new BatchReader(questions);
  const answers = new AnswerBatch();
  for (let i = 0; i < count && reader.next(); i++) {
    const { network, destination, start, end } = reader;
    events.push({ kind: 'dns', network, destination: `${destination.host}:${destination.port}`, length: end - start });
    if (dnsAnswer === 'none') continue;
    const message = questions.subarray(start, end);
    const padded = Buffer.concat([message, Buffer.alloc(Math.max(0, dnsAnswer.padTo - message.length))]);
    padded[2] = (padded[2] ?? 0) | 0x80;
    answers.add(firstToken + i, padded);
  }
  if (!answers.isEmpty) current().answerDns(answers.take());
}

function decide(flow: Extract<native.EngineEvent, { kind: 'open' }>): void {
  const { address, port } = flow.destination;
  const rule = rules.find(
    (rule) =>
      (rule.network ?? flow.network) === flow.network &&
      (rule.address ?? address) === address &&
      (rule.port ?? port) === port,
  );
  if (!rule) return;
  opened.set(flow.id, rule);
  const { verdict } = rule;
  if (verdict.kind === 'direct') {
    const hops = [{ address, device: verdict.device }];
    current().decide(flow.id, { kind: 'dial', layers: [], hops, port, timeoutMs: verdict.timeoutMs ?? 5_000 });
  } else if (verdict.kind === 'named') {
    current().decide(flow.id, { kind: 'dial', layers: [], hops: verdict.hops, port, timeoutMs: 5_000 });
  } else if (verdict.kind === 'nodes') {
    current().decide(flow.id, nodesVerdict(verdict, { host: address, port }));
  } else if (verdict.kind === 'proxy') {
    current().decide(flow.id, proxyVerdict(verdict, { host: address, port }));
  } else current().decide(flow.id, verdict);
}

function linkOf(config: ProxyConfig): ChainLink {
  if (config.type === 'socks5') return socks5Link(config);
  if (config.type === 'http') return httpLink(config);
  if (config.type === 'ss') return shadowsocksLink(config);
  if (config.type === 'trojan') return trojanLink(config);
  throw new Error(`no proxy: ${config.type}`);
}

function nodesVerdict(
  { nodes, device, timeoutMs = 20_000, to }: Extract<Rule['verdict'], { kind: 'nodes' }>,
  asked: { host: string; port: number },
): native.Verdict {
  const links = nodes.map(linkOf);
  const first = links[0]?.server ?? asked;
  const layers = links.flatMap((link, place) => link.layersTo(links[place + 1]?.server ?? to ?? asked));
  const hops = [{ address: first.host, device }];
  return { kind: 'dial', hops, port: first.port, layers: layers.map(nativeLayer), timeoutMs };
}

function proxyVerdict(through: ProxyVerdict, asked: { host: string; port: number }): native.Verdict {
  const { hops, port, timeoutMs, next = [] } = through;
  const last = { host: through.targetHost ?? asked.host, port: through.targetPort ?? asked.port };
  const layers = [through, ...next].flatMap(({ protocol, username, password = '', tls }, place): native.Layer[] => {
    const target = next[place]?.at ?? last;
    const login = username === undefined ? {} : { username, password };
    const below = tls === undefined ? [] : [nativeLayer({ protocol: 'tls', node: '', ...tls })];
    return protocol === 'socks5'
      ? [...below, { protocol, ...login, targetHost: target.host, targetPort: target.port }]
      : [...below, { protocol, request: encodeConnectRequest(target, { ...login, headers: [] }) }];
  });
  return { kind: 'dial', hops, port, layers, timeoutMs };
}

serve({
  create: (options: Partial<native.EngineOptions>) => {
    const { mtu = 1500, gso = true, queueLength = 1000, maxHeld = 1024, mark = 0 } = options;
    const {
      name = 'tun9',
      address4 = '172.30.0.1',
      peer4 = '172.30.0.2',
      address6 = 'fd30::1',
      carried6 = [],
    } = options;
    engine = new addon.Engine(
      { name, mtu, gso, queueLength, address4, peer4, address6, carried6, mark, maxHeld, dnsHijack },
      onEvents,
    );
    return engine.device();
  },
  rules: (given: Rule[]) => {
    rules = given;
  },
  dns: (given: typeof dnsAnswer) => {
    dnsAnswer = given;
  },
  hijackDns: (servers: native.DnsHijack) => current().hijackDns(servers),
  decide: ({ id, verdict }: { id: number; verdict: native.Verdict }) => current().decide(id, verdict),
  close: ({ id, how }: { id: number; how: 'graceful' | 'reset' }) => current().close(id, how),
  review: () => current().review(),
  carry6: (prefixes: string[]) => current().carry6(prefixes),
  /** Takes the events so far. */
  events: () => events.splice(0),
  /** Waits until as many events of a kind are there, and takes all. */
  wait: async ({ kind, count = 1, timeoutMs = 60_000 }: { kind: string; count?: number; timeoutMs?: number }) => {
    for (const end = Date.now() + timeoutMs; ; ) {
      if (events.filter((event) => event.kind === kind).length >= count) return events.splice(0);
      if (Date.now() > end) throw new Error(`waited for ${count} ${kind}, have ${JSON.stringify(events)}`);
      await sleep(5);
    }
  },
  counters: ({ slot }: { slot: number }) => {
    const counters = current().counters();
    if (counters !== current().counters()) throw new Error('counters() is another array each time');
    return [Number(counters[2 * slot]), Number(counters[2 * slot + 1])];
  },
  metrics: () => current().metrics(),
  stop: async () => {
    const begun = performance.now();
    current().stop();
    const ms = performance.now() - begun;
    current().stop();
    await sleep(50);
    return ms;
  },
  collectGarbage: () => collectGarbage(),
  descriptors: () => fs.readdirSync('/proc/self/fd').length,
  memory: () => process.memoryUsage().rss,

  openStream: async (plan: Pick<native.StreamPlan, 'hops' | 'port' | 'timeoutMs'>) => {
    const stream = await addon.openStream({ ...plan, layers: [], associate: false }, 7);
    if (!stream.ok) return stream.failure;
    const socket = new net.Socket({ fd: stream.fd });
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
    socket.write('ping');
    const text = await answer;
    socket.destroy();
    return text;
  },
  openUdp: ({ family, device }: { family: 4 | 6; device: string | null }) => {
    const fd = addon.openUdp(family, device, 7);
    const target = fs.readlinkSync(`/proc/self/fd/${fd}`);
    fs.closeSync(fd);
    return target;
  },
  findProcess: ({
    network,
    source,
    destination,
  }: Parameters<typeof native.findProcess> extends [infer N, infer S, infer D]
    ? { network: N; source: S; destination: D }
    : never) => addon.findProcess(network, source, destination),
  socketUid: ({ source, destination }: { source: native.NativeEndpoint; destination: native.NativeEndpoint }) =>
    addon.socketUid('udp', source, destination),
  findListeners: ({ address, port }: { address: string; port: number }) => addon.findListeners(address, port),
  findRoute: (question: Parameters<typeof addon.findRoute>) => addon.findRoute(...question),
  /** Asks until the answer is kept, changes what the machine has by `script`, and asks once more at once. */
  findRouteAround: ({ question, script }: { question: Parameters<typeof addon.findRoute>; script: string }) => {
    const until = performance.now() + 35;
    let before = addon.findRoute(...question);
    while (performance.now() < until) before = addon.findRoute(...question);
    execFileSync('sh', ['-ec', script]);
    return { before, after: addon.findRoute(...question) };
  },
  sourceTowards: ({ destination, mark }: { destination: string; mark: number }) =>
    addon.sourceTowards(destination, mark),
  parentOf: ({ pid }: { pid: number }) => addon.parentOf(pid),
  peerCredentials: async ({ path }: { path: string }) => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const peer = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
    const client = net.connect(path);
    const socket = (await peer) as net.Socket & { _handle: { fd: number } };
    const credentials = addon.peerCredentials(socket._handle.fd);
    client.destroy();
    server.close();
    return { credentials, pid: process.pid };
  },
  badCalls: () => {
    const codeOf = (work: () => unknown): string => {
      try {
        work();
        return 'no error';
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    };
    const dial: native.Verdict = { kind: 'dial', layers: [], hops: [], port: 1, timeoutMs: 1 };
    return {
      noHops: codeOf(() => current().decide(2, dial)),
      badKind: codeOf(() => current().decide(2, { kind: 'perhaps' } as never)),
      badHow: codeOf(() => current().close(2, 'softly' as never)),
      badAddress: codeOf(() => current().decide(2, { ...dial, hops: [{ address: 'nowhere', device: null }] })),
      unknownFlow: codeOf(() => current().decide(2, { kind: 'reject', how: 'reset' })),
      unknownToken: codeOf(() => current().answerDns(new Uint8Array(12))),
      brokenAnswers: codeOf(() => current().answerDns(new Uint8Array(13))),
      badDescriptor: codeOf(() => addon.peerCredentials(9999)),
      badServers: codeOf(() => current().hijackDns({ udp: { taken: ['any'], spared: [] }, tcp: allServers })),
      badPrefix: codeOf(() => addon.destroySockets(['all'], [])),
      badDevice: codeOf(() => addon.openUdp(4, 'no-such-dev', 0)),
      noObject: codeOf(() => new addon.Engine(7 as never, () => undefined)),
      nameTaken: codeOf(
        () =>
          new addon.Engine(
            {
              name: 'eth0',
              mtu: 1500,
              gso: true,
              queueLength: 500,
              address4: '172.31.0.1',
              peer4: '172.31.0.2',
              address6: null,
              carried6: [],
              mark: 0,
              maxHeld: 9,
              dnsHijack,
            },
            () => undefined,
          ),
      ),
      tunTaken: codeOf(
        () =>
          new addon.Engine(
            {
              name: 'tun9',
              mtu: 1500,
              gso: true,
              queueLength: 500,
              address4: '172.31.0.1',
              peer4: '172.31.0.2',
              address6: null,
              carried6: [],
              mark: 0,
              maxHeld: 9,
              dnsHijack,
            },
            () => undefined,
          ),
      ),
    };
  },
  destroySockets: ({ prefixes, spared = [] }: { prefixes: string[]; spared?: string[] }) =>
    addon.destroySockets(prefixes, spared),
});
