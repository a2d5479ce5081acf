import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { FlowEngineHandlers } from '../../../core/inbound/flow-engine.ts';
import { type NativeEngine, type NativeEvent, NativeFlowEngine } from '../../../core/tunnel/native-flow-engine.ts';

const errno = (code: string) => Object.assign(new Error(code), { code });

/** The addon's engine as far as calls and events go. */
class MemoryEngine implements NativeEngine {
  readonly calls: unknown[] = [];
  readonly emit: (...events: NativeEvent[]) => void;
  readonly shared = new BigUint64Array(8);

  constructor(onEvents: (events: NativeEvent[]) => void) {
    this.emit = (...events) => onEvents(events);
  }

  device() {
    return { name: 'mirage0', index: 7 };
  }

  decide(...args: unknown[]): void {
    this.calls.push(['decide', ...args]);
  }

  decideEcho(...args: unknown[]): void {
    this.calls.push(['decideEcho', ...args]);
  }

  close(...args: unknown[]): void {
    this.calls.push(['close', ...args]);
  }

  hijackDns(...args: unknown[]): void {
    this.calls.push(['hijackDns', ...args]);
  }
  review(...args: unknown[]): void {
    this.calls.push(['review', ...args]);
  }
  setMtu(...args: unknown[]): void {
    this.calls.push(['setMtu', ...args]);
  }
  carry6(...args: unknown[]): void {
    this.calls.push(['carry6', ...args]);
  }

  readies = 0;
  ready(): void {
    this.readies += 1;
  }

  revive(): void {
    this.calls.push(['revive']);
  }

  answerDns(...args: unknown[]): void {
    this.calls.push(['answerDns', ...args]);
  }

  counters(): BigUint64Array {
    return this.shared;
  }

  metrics() {
    return {
      offloads: 'csum',
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
      knowsAnswers: true,
    };
  }

  stop(): void {
    this.calls.push(['stop']);
  }
}

let native: MemoryEngine;
let engine: NativeFlowEngine;
let told: [string, ...unknown[]][];

const open = (id: number, slot = 0): NativeEvent => ({
  kind: 'open',
  id,
  slot,
  network: 'tcp',
  source: { address: '198.18.0.1', port: 40_000 },
  destination: { address: '198.18.0.9', port: 443 },
  trafficClass: 46,
});
const close = (id: number): NativeEvent => ({ kind: 'close', id, up: 1, down: 2, reason: 'done' });

beforeEach(async () => {
  told = [];
  engine = new NativeFlowEngine((onEvents) => (native = new MemoryEngine(onEvents)), silentLogger);
  const handlers: FlowEngineHandlers = {
    onOpen: (flow) => told.push(['open', flow]),
    onDialed: (id, outcome) => told.push(['dialed', id, outcome]),
    onPeeked: () => undefined,
    onClose: (flow) => told.push(['close', flow]),
    onDns: (question) => told.push(['dns', question]),
    onEcho: (asked) => told.push(['echo', asked]),
    onDead: (message, revivable) => told.push(['dead', message, revivable]),
  };
  engine.setHandlers(handlers);
  await engine.start();
});

describe('events', () => {
  test('are told in the words of the control plane, in order', () => {
    const questions = Buffer.from('question');
    native.emit(
      open(1, 3),
      { kind: 'dialed', id: 1, ok: true, address: '192.0.2.1', ms: 12 },
      { kind: 'dns', firstToken: 5, count: 1, questions },
      close(1),
      { kind: 'echo', id: 8, source: '198.18.0.1', destination: '198.18.0.9' },
      { kind: 'dead', message: 'device gone', revivable: false },
    );
    expect(told).toEqual([
      [
        'open',
        {
          id: 1,
          slot: 3,
          network: 'tcp',
          source: { host: '198.18.0.1', port: 40_000 },
          destination: { host: '198.18.0.9', port: 443 },
          trafficClass: 46,
        },
      ],
      ['dialed', 1, { ok: true, address: '192.0.2.1', ms: 12 }],
      ['dns', { firstToken: 5, count: 1, questions }],
      ['close', { id: 1, up: 1, down: 2, reason: 'done' }],
      ['echo', { id: 8, source: '198.18.0.1', destination: '198.18.0.9' }],
      ['dead', 'device gone', false],
    ]);
  });

  test('the next events are asked for when everything else has had its turn', async () => {
    native.emit(open(1));
    expect(native.readies).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(native.readies).toBe(1);
  });

  test('nothing of it is told once the engine is stopped', async () => {
    native.emit(...Array.from({ length: 5_000 }, (_, i) => open(i)));
    await engine.stop();
    const opened = told.filter(([kind]) => kind === 'open').length;
    expect(told.filter(([kind]) => kind === 'close')).toHaveLength(opened);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(told).toHaveLength(2 * opened);
  });

  test.each([
    ['refused', 'DIAL_REFUSED'],
    ['network-unreachable', 'DIAL_NETWORK_UNREACHABLE'],
    ['host-unreachable', 'DIAL_HOST_UNREACHABLE'],
    ['timeout', 'DIAL_TIMEOUT'],
    ['proxy-refused', 'DIAL_PROXY_REFUSED'],
    ['proxy-unreachable', 'DIAL_PROXY_UNREACHABLE'],
    ['proxy-auth', 'DIAL_PROXY_AUTH'],
    ['proxy-denied', 'DIAL_PROXY_DENIED'],
    ['proxy-failed', 'DIAL_PROXY_FAILED'],
    ['io', 'DIAL_IO'],
  ] as const)('a dial that failed with %s is %s', (failure, code) => {
    native.emit({
      kind: 'dialed',
      id: 1,
      ok: false,
      failure,
      message: 'why',
      ms: 3,
      attempts: [{ address: '192.0.2.1', begun: 0, took: 3, end: failure }],
    });
    const attempts = [{ address: '192.0.2.1', begunMs: 0, tookMs: 3, end: code }];
    expect(told).toEqual([['dialed', 1, { ok: false, code, message: 'why', ms: 3, attempts }]]);
  });

  test('a handler that throws does not keep the rest of the batch back', () => {
    engine.setHandlers({
      onOpen: () => {
        throw new Error('defect');
      },
      onDialed: () => undefined,
      onPeeked: () => undefined,
      onClose: (flow) => told.push(['end', flow.id]),
      onDns: () => undefined,
      onEcho: () => undefined,
      onDead: () => undefined,
    });
    native.emit(open(1), close(1));
    expect(told).toEqual([['end', 1]]);
  });
});

describe('verdicts', () => {
  test('a dial keeps the name of its target, and nothing that was not given', () => {
    engine.decide(1, {
      kind: 'dial',
      dial: {
        kind: 'dial',
        hops: [{ address: '192.0.2.1', device: 'eth0' }],
        port: 1080,
        layers: [
          {
            protocol: 'socks5',
            node: 'far',
            target: { host: 'hidden.example', port: 443 },
            username: 'u',
            password: 'p',
          },
        ],
        target: { host: 'hidden.example', port: 443 },
        udp: false,
        timeoutMs: 5_000,
      },
    });
    engine.decide(2, {
      kind: 'dial',
      dial: {
        kind: 'dial',
        hops: [{ address: '192.0.2.2', device: null }],
        port: 80,
        layers: [],
        target: { host: 'web.example', port: 80 },
        udp: false,
        timeoutMs: 1,
      },
    });
    engine.decide(3, { kind: 'reject', how: 'unreachable' });
    expect(native.calls).toEqual([
      [
        'decide',
        1,
        {
          kind: 'dial',
          hops: [{ address: '192.0.2.1', device: 'eth0' }],
          port: 1080,
          layers: [{ protocol: 'socks5', username: 'u', password: 'p', targetHost: 'hidden.example', targetPort: 443 }],
          timeoutMs: 5_000,
        },
      ],
      [
        'decide',
        2,
        { kind: 'dial', hops: [{ address: '192.0.2.2', device: null }], port: 80, layers: [], timeoutMs: 1 },
      ],
      ['decide', 3, { kind: 'reject', how: 'unreachable' }],
    ]);
  });

  test('closing, carrying and answering pass through', () => {
    engine.close(1, 'reset');
    engine.carry6(['::/0']);
    engine.answerDns(Uint8Array.of(1));
    expect(native.calls).toEqual([
      ['close', 1, 'reset'],
      ['carry6', ['::/0']],
      ['answerDns', Uint8Array.of(1)],
    ]);
  });
});

describe('its life', () => {
  test.each([
    ['EBUSY', 'TUN_NAME_TAKEN'],
    ['EPERM', 'TUN_UNAVAILABLE'],
    ['ENOENT', 'TUN_UNAVAILABLE'],
    ['EINVAL', 'TUN_FAILED'],
  ])('%s at the start is %s', async (code, expected) => {
    const failing = new NativeFlowEngine(() => {
      throw errno(code);
    }, silentLogger);
    await expect(failing.start()).rejects.toThrow(expect.objectContaining({ code: expected }));
    await failing.stop();
  });

  test('a device that was made and cannot be used is removed', async () => {
    const failing = new NativeFlowEngine((onEvents) => {
      native = new MemoryEngine(onEvents);
      native.counters = () => {
        throw errno('EIO');
      };
      return native;
    }, silentLogger);
    await expect(failing.start()).rejects.toThrow(expect.objectContaining({ code: 'TUN_FAILED' }));
    expect(native.calls).toEqual([['stop']]);
  });

  test('stop tells the end of every flow exactly once, with its bytes, and nothing after it', async () => {
    native.emit(open(1, 0), open(2, 1), open(3, 2), close(1));
    native.shared.set([0n, 0n, 20n, 21n, 30n, 31n]);
    told = [];
    native.stop = () => void setImmediate(() => native.emit(close(2)));
    await engine.stop();
    native.emit(open(4), close(3));
    expect(told).toEqual([
      ['close', { id: 2, up: 1, down: 2, reason: 'done' }],
      ['close', { id: 3, up: 30, down: 31, reason: 'stopped' }],
    ]);
    await engine.stop();
    expect(() => engine.device()).toThrow('no device');
  });

  test('calls after the end are ignored', async () => {
    await engine.stop();
    native.calls.length = 0;
    engine.decide(1, { kind: 'reject', how: 'reset' });
    engine.close(1, 'reset');
    engine.answerDns(Uint8Array.of());
    expect(native.calls).toEqual([]);
    expect(engine.counters()).toBe(native.shared);
  });

  test('it can be started again', async () => {
    await engine.stop();
    await engine.start();
    native.emit(open(1));
    expect(told).toHaveLength(1);
    expect(engine.device()).toBe('mirage0');
  });
});
