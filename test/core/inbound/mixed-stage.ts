/** A mixed port whose flows a test answers, real servers on loopback behind it, and real clients in front of it. */
import { spawn } from 'node:child_process';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import type { StreamKeeper } from '../../../core/flow/kept-stream.ts';
import type { UdpWays } from '../../../core/flow/udp-way.ts';
import type { DialOutcome } from '../../../core/inbound/flow-engine.ts';
import type { DispatchedFlow, InboundFlow, StreamFlow } from '../../../core/inbound/inbound.ts';
import { MixedInbound } from '../../../core/inbound/mixed-inbound.ts';
import { relayStreams } from '../../../core/net/relay-streams.ts';
import { SocketStream } from '../../../core/net/socket-stream.ts';
import { Loopback } from '../net/loopback.ts';

export type Answer = (flow: StreamFlow) => void;

export interface StageOptions {
  users?: { username: string; password: string }[];
  handshakeMs?: number;
  connections?: number;
  strangers?: number;
  clientOf?: (source: Endpoint) => string;
  policyKey?: string;
  /** For flows that are carried: what opens them, and what is heard of each dial. */
  keeper?: StreamKeeper;
  dialed?: (outcome: DialOutcome, flow: StreamFlow) => void;
}

/** Datagrams have a spec of their own. */
export const noWays: UdpWays = {
  keyOf: () => '',
  targetOf: () => ({ host: '', port: 0 }),
  open: () => Promise.reject(new Error('no datagrams here')),
};

/** Flows whose bytes are read. */
export const noKeeper: StreamKeeper = { keepStream: () => Promise.reject(new Error('nothing is carried here')) };

export class MixedStage {
  readonly loopback = new Loopback();
  readonly #inbounds: MixedInbound[] = [];

  /** A mixed port whose flows are answered by `answer`; `ended` collects clients that went away unanswered. */
  async mixed(answer: Answer, options: StageOptions = {}) {
    const { users = [], handshakeMs = 10_000, connections = 200, strangers = 200 } = options;
    const { clientOf = () => 'somebody', keeper = noKeeper, dialed, policyKey } = options;
    const ended: unknown[] = [];
    const flows: StreamFlow[] = [];
    const dispatch = (flow: InboundFlow): DispatchedFlow => {
      if (flow.kind !== 'stream') throw new Error('no stream');
      flows.push(flow);
      queueMicrotask(() => answer(flow));
      return { dialed: (outcome) => dialed?.(outcome, flow), ended: (close) => ended.push(close) };
    };
    const services = {
      dispatcher: { dispatch },
      ways: noWays,
      keeper,
      clock: systemClock,
      log: silentLogger,
      clientOf,
    };
    const limits = { handshakeMs, connections, strangers };
    const inbound = new MixedInbound({ address: '127.0.0.1', port: 0, users }, services, limits, policyKey);
    this.#inbounds.push(inbound);
    await inbound.start();
    const port = inbound.endpoint?.port ?? 0;
    return { inbound, port, flows, ended };
  }

  /** Relays to a server on loopback, whatever was asked for. */
  relayTo(port: number): Answer {
    return (flow) =>
      void this.loopback.connect(port).then((socket) =>
        relayStreams(flow.accept(), new SocketStream(socket), {
          onBytes: () => undefined,
          signal: new AbortController().signal,
          clock: systemClock,
          idleMs: 60_000,
          halfCloseMs: 60_000,
        }),
      );
  }

  /** A server that answers as told, hears all, and never ends a connection by itself, whatever `Connection` says. */
  async stubborn(answer: string) {
    const heard: Buffer[] = [];
    const target = await this.loopback.listen((socket) =>
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        socket.write(answer);
      }),
    );
    return { target, heard: () => Buffer.concat(heard).toString('latin1') };
  }

  async close(): Promise<void> {
    await Promise.all(this.#inbounds.splice(0).map((inbound) => inbound.stop()));
    await this.loopback.closeAll();
  }
}

export function run(program: string, args: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) =>
    child.once('close', (status) => resolve({ status, output: Buffer.concat(chunks).toString() })),
  );
}

export const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '10', '--noproxy', '', ...args]);
