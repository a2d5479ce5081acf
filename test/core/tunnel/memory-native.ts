/** The addon's engine as far as calls and events go: tests play the network. */
import type { NativeEngine, NativeEvent } from '../../../core/tunnel/native-flow-engine.ts';
import type { NativeEngineOptions } from '../../../core/tunnel/tunnel-services.ts';
import { batchOf, readAnswers } from '../dns/router/dns-batch-fixture.ts';

type NativeVerdict = Parameters<NativeEngine['decide']>[1];

export class MemoryNative implements NativeEngine {
  readonly options: NativeEngineOptions;
  readonly emit: (...events: NativeEvent[]) => void;
  readonly verdicts = new Map<number, NativeVerdict>();
  readonly closed: number[] = [];
  readonly echoes = new Map<number, Parameters<NativeEngine['decideEcho']>[1]>();
  readonly answers = new Map<number, Uint8Array>();
  carried6: string[] = [];
  reviews = 0;
  readonly shared = new BigUint64Array(64);
  stopped = false;
  /** How often another engine took over; whether one can. */
  revivals = 0;
  revivable = true;

  constructor(options: NativeEngineOptions, onEvents: (events: NativeEvent[]) => void) {
    this.options = options;
    this.emit = (...events) => onEvents(events);
  }

  /** An application connects. */
  open(id: number, address: string, port: number): void {
    const source = { address: this.options.address4, port: 40_000 + id };
    const ends = { source, destination: { address, port } };
    this.emit({ kind: 'open', id, slot: id, network: 'tcp', ...ends, trafficClass: 0 });
  }

  /** A program asks, by UDP. */
  ask(token: number, message: Uint8Array): void {
    const { firstToken, count, questions } = batchOf([message], { firstToken: token, source: [198, 18, 0, 1] });
    this.emit({ kind: 'dns', firstToken, count, questions: Buffer.from(questions) });
  }

  device(): { name: string; index: number } {
    return { name: this.options.name, index: 7 };
  }

  decide(id: number, verdict: NativeVerdict): void {
    this.verdicts.set(id, verdict);
  }

  decideEcho(id: number, verdict: Parameters<NativeEngine['decideEcho']>[1]): void {
    this.echoes.set(id, verdict);
  }

  close(id: number): void {
    this.closed.push(id);
  }

  hijackDns(servers: NativeEngineOptions['dnsHijack']): void {
    this.options.dnsHijack = servers;
  }

  review(): void {
    this.reviews += 1;
  }

  setMtu(mtu: number): void {
    this.options.mtu = mtu;
  }

  carry6(prefixes: string[]): void {
    this.carried6 = prefixes;
  }

  answerDns(answers: Uint8Array): void {
    for (const [token, message] of readAnswers(answers)) this.answers.set(token, message);
  }

  counters(): BigUint64Array {
    return this.shared;
  }

  metrics(): ReturnType<NativeEngine['metrics']> {
    const none = {
      packetsIn: 0,
      packetsOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      dropped: 0,
      held: 0,
      tcpFlows: 0,
      tcpRefused: 0,
      tcpGaveWay: 0,
      udpFlows: 0,
      udpSockets: 0,
      udpGaveWay: 0,
      udpRefused: 0,
      udpAnswers: 0,
    };
    return { offloads: '', knowsAnswers: true, ...none };
  }

  ready(): void {}

  revive(): void {
    if (!this.revivable) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    this.revivals += 1;
  }

  stop(): void {
    this.stopped = true;
  }
}
