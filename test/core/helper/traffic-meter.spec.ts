import { expect, test } from 'vitest';
import { type TrafficCounts, TrafficMeter } from '../../../core/helper/traffic-meter.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const begun = () => {
  const clock = new ManualClock();
  let counts: TrafficCounts = { up: 100, down: 200, live: 1, dnsQuestions: 5 };
  let asked = 0;
  const meter = new TrafficMeter(() => {
    asked++;
    return counts;
  }, clock);
  const set = (next: Partial<TrafficCounts>) => {
    counts = { ...counts, ...next };
  };
  return { clock, meter, set, asked: () => asked };
};

test('bytes a second, totals and counts, once a second', () => {
  const { clock, meter, set } = begun();
  let told = 0;
  meter.watch(() => told++);
  expect(meter.current()).toMatchObject({ up: 0, down: 0, upTotal: 100, downTotal: 200, live: 1, dnsQuestions: 5 });
  set({ up: 1_100, down: 5_200, live: 3 });
  clock.run(1_000);
  expect(told).toBe(1);
  expect(meter.current()).toMatchObject({ up: 1_000, down: 5_000, upTotal: 1_100, downTotal: 5_200, live: 3 });
  clock.run(1_000);
  expect(meter.current()).toMatchObject({ up: 0, down: 0 });
});

test('all viewers share one sample; none, no sample and no timer', () => {
  const { clock, meter, asked } = begun();
  const [first, second] = [meter.watch(() => undefined), meter.watch(() => undefined)];
  const before = asked();
  clock.run(3_000);
  expect(asked() - before).toBe(3);
  first();
  second();
  expect(clock.pending).toBe(0);
});

test('who comes back later is not shown a speed over the time nobody looked', () => {
  const { clock, meter, set } = begun();
  meter.watch(() => undefined)();
  set({ up: 1_000_000 });
  clock.run(10_000);
  meter.watch(() => undefined);
  clock.run(1_000);
  expect(meter.current().up).toBe(0);
});
