/** When a program that died is started again, and when it is given up. */
import { expect, test } from 'vitest';
import { keepRunning, type ProgramEnd, restartLimit, restartPeriod } from '../../build/scripts/supervisor.mjs';

interface Life {
  /** Milliseconds. */
  readonly lasts: number;
  readonly end: ProgramEnd;
  /** Somebody has asked for the end. */
  readonly asked?: boolean;
}

const killed = (lasts: number): Life => ({ lasts, end: { code: null, signal: 'SIGKILL' } });
const failed = (lasts: number, code = 70): Life => ({ lasts, end: { code, signal: null } });

/** Runs these lives one after the other; the last one is asked to end. */
async function run(...lives: Life[]) {
  let time = 0;
  let stopped = false;
  let started = 0;
  let gaveUp = 0;
  const told: string[] = [];
  const code = await keepRunning({
    start: () => {
      const life = lives[started++] ?? { lasts: 1, end: { code: 0, signal: null }, asked: true };
      time += life.lasts;
      stopped = life.asked === true;
      return Promise.resolve(life.end);
    },
    stopped: () => stopped,
    giveUp: () => {
      gaveUp += 1;
      return Promise.resolve();
    },
    tell: (sentence) => told.push(sentence),
    now: () => time,
  });
  return { code, started, gaveUp, told };
}

test.each([
  ['killed', killed(1)],
  ['killed after a long life', killed(3_600_000)],
  ['out of memory', { lasts: 9_000, end: { code: null, signal: 'SIGABRT' } }],
  ['a defect after a while', failed(6_000)],
] as const)('%s: it is started again, and said', async (_, life) => {
  expect(await run(life)).toMatchObject({ code: 0, started: 2, gaveUp: 0, told: [expect.stringContaining('again')] });
});

test.each([
  ['a signal that was asked for', { lasts: 10, end: { code: null, signal: 'SIGTERM' }, asked: true }, 0],
  ['ended in order by somebody else', failed(10, 0), 0],
  ['a wrong option', failed(10, 64), 64],
  ['another one runs', failed(10, 75), 75],
  ['not allowed', failed(10, 77), 77],
  ['a first start that fails', failed(900), 70],
] as const)('%s: it is not', async (_, life, code) => {
  expect(await run(life)).toEqual({ code, started: 1, gaveUp: 0, told: [] });
});

test('one that dies over and over is given up, once', async () => {
  const lives = Array.from({ length: restartLimit + 1 }, () => killed(2_000));
  const { code, started, gaveUp, told } = await run(...lives);
  expect({ code, started, gaveUp }).toEqual({ code: 1, started: restartLimit + 1, gaveUp: 1 });
  expect(told.at(-1)).toContain('not started again');
});

test('deaths of more than a minute ago are forgotten', async () => {
  const seldom = Array.from({ length: 20 }, () => killed(restartPeriod / restartLimit + 1_000));
  expect(await run(...seldom)).toMatchObject({ code: 0, started: 21, gaveUp: 0 });
});
