/** Ten thousand connections in Chromium: what they cost is told, few elements are what keeps it small. */
import type { CDPSession } from 'playwright-core';
import { expect, test } from 'vitest';
import { mockWindows, rowsOf, search } from '../../support/mock-window.ts';

const { open } = mockWindows();

/** Processor time of the page's main thread in each second, by the browser's own counters. */
async function measureTicks(cdp: CDPSession, seconds: number): Promise<string> {
  const names = ['ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration', 'TaskDuration'] as const;
  const read = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics');
    return names.map((name) => 1000 * (metrics.find((metric) => metric.name === name)?.value ?? 0));
  };
  const ticks: number[][] = [];
  let before = await read();
  const begun = performance.now();
  for (let second = 1; second <= seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, begun + 1000 * second - performance.now()));
    const after = await read();
    ticks.push(after.map((value, at) => value - (before[at] ?? 0)));
    before = after;
  }
  const mean = (at: number) => (ticks.reduce((sum, tick) => sum + (tick[at] ?? 0), 0) / seconds).toFixed(1);
  const most = Math.max(...ticks.map(([script = 0]) => script)).toFixed(1);
  return `scripting ${mean(0)} ms (most ${most}), style ${mean(1)} ms, layout ${mean(2)} ms, all tasks ${mean(3)} ms`;
}

test('10,000 rows that all move every second stay smooth', async () => {
  const { page, context } = await open({ rows: 10_000, tunnel: 'running', busy: true });
  const first = await page.evaluate(async () => {
    const begun = performance.now();
    window.location.hash = '#/connections';
    do await new Promise(requestAnimationFrame);
    while (document.querySelector('[role=row][data-key]') === null);
    return performance.now() - begun;
  });
  const grid = page.getByRole('grid');
  const cdp = await context.newCDPSession(page);
  // Time on the processor: the machine may be busy with other things.
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.waitForTimeout(3000);
  // New connections come in at the top: every row in sight is another one each second.
  const lines = [`first rows after ${first.toFixed(0)} ms`, `youngest first: ${await measureTicks(cdp, 5)}`];
  for (const [button, view] of [
    ['Age', 'oldest first'],
    ['Down', 'fastest first'],
  ] as const) {
    await grid.getByRole('button', { name: button }).click();
    await page.waitForTimeout(1500);
    lines.push(`${view}: ${await measureTicks(cdp, 5)}`);
  }
  await search(page, 'host:*.github.com -udp');
  await page.waitForTimeout(1500);
  lines.push(`filtered: ${await measureTicks(cdp, 5)}`);
  console.log(`10,000 rows, per tick (one a second):\n  ${lines.join('\n  ')}`);
  expect(await rowsOf(grid).count()).toBeLessThan(60);
  await search(page, '');
  await expect.poll(async () => Number(await grid.getAttribute('aria-rowcount'))).toBeGreaterThan(9000);
  await grid.focus();
  await page.keyboard.press('End');
  await expect.poll(async () => Number(await rowsOf(grid).last().getAttribute('aria-rowindex'))).toBeGreaterThan(9000);
});
