import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { ProcessInfo } from '../../../core/contract/flow.ts';
import { SparedPrograms } from '../../../core/tunnel/spared-programs.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const at = (port: number) => ({ host: '127.0.0.1', port });
const program = (pid: number, name = 'xray'): ProcessInfo => ({ pid, name, uid: 0, path: `/usr/bin/${name}` });

let clock: ManualClock;
let listening: Record<number, ProcessInfo[]>;
let calls: string[];
let isAble: boolean;
let spared: SparedPrograms;
beforeEach(() => {
  clock = new ManualClock();
  listening = { 1080: [program(20), program(10)], 53: [program(10), program(1, 'systemd')] };
  calls = [];
  isAble = true;
  spared = new SparedPrograms({
    findListeners: async (_host, port) => {
      const found = listening[port];
      if (found === undefined) throw new Error('no');
      return found;
    },
    spare: (pids, mark) => {
      calls.push(`${pids.join(' ')} 0x${mark.toString(16)}`);
      if (!isAble) throw new Error('no bpf');
    },
    clock,
    log: silentLogger,
  });
});

test('whoever listens is spared, once each; who comes and goes, within a second; nobody after the end', async () => {
  await spared.watch(() => [at(1080), at(53), at(9)]);
  expect(calls).toEqual(['10 20 0x4d4a']);
  await clock.advance(3_000);
  expect(calls).toHaveLength(1);
  listening[1080] = [program(30)];
  await clock.advance(1_000);
  expect(calls.at(-1)).toBe('10 30 0x4d4a');
  spared.stop();
  expect(calls.at(-1)).toBe(' 0x4d4a');
  listening[1080] = [program(40)];
  await clock.advance(3_000);
  expect(calls).toHaveLength(3);
});

test('other servers take the place of those before; an end while it looks', async () => {
  await spared.watch(() => [at(1080)]);
  await spared.watch(() => [at(53)]);
  expect(calls).toEqual(['10 20 0x4d4a', '10 0x4d4a']);
  const looking = spared.watch(() => [at(1080)]);
  spared.stop();
  await looking;
  expect(calls.slice(2)).toEqual([' 0x4d4a']);
});

test('where it cannot be done it is tried again', async () => {
  isAble = false;
  await spared.watch(() => [at(1080)]);
  await clock.advance(1_000);
  isAble = true;
  await clock.advance(1_000);
  await clock.advance(1_000);
  expect(calls).toEqual(['10 20 0x4d4a', '10 20 0x4d4a', '10 20 0x4d4a']);
});

test('nobody spared, nothing asked of the kernel', async () => {
  await spared.watch(() => []);
  spared.stop();
  expect(calls).toEqual([]);
});
