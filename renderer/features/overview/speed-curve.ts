/** Geometry of the speed graph: pure numbers and SVG path text. */
import { historySeconds, type TrafficHistory } from '../../stores/traffic-history.ts';

export interface Box {
  readonly width: number;
  readonly height: number;
}

/** 1, 2 or 5 times a power of ten, not below the peak nor below 10 kB/s, so that a few bytes are no mountain. */
export function scaleTop(peak: number): number {
  const floor = Math.max(peak, 10_000);
  const power = 10 ** Math.floor(Math.log10(floor));
  const step = [1, 2, 5, 10].find((candidate) => candidate * power >= floor) ?? 10;
  return step * power;
}

/** Highest of both directions. */
export function peakOf(history: TrafficHistory): number {
  return history.reduce((peak, { up, down }) => Math.max(peak, up, down), 0);
}

/** Place of a sample from the left: the newest is at the right edge, two minutes fill the width. */
export function sampleX(time: number, newest: number, width: number): number {
  return width - ((newest - time) / (historySeconds * 1000)) * width;
}

/** A line through the samples; a gap of more than three seconds breaks it, since nobody knows what was in between. */
export function linePath(history: TrafficHistory, direction: 'up' | 'down', top: number, box: Box): string {
  return segments(history)
    .map((segment) => `M${points(segment, direction, top, box, newestOf(history)).join('L')}`)
    .join('');
}

/** The same, closed along the bottom. */
export function areaPath(history: TrafficHistory, direction: 'up' | 'down', top: number, box: Box): string {
  const newest = newestOf(history);
  return segments(history)
    .map((segment) => {
      const line = points(segment, direction, top, box, newest);
      const left = round(sampleX(segment[0]?.time ?? newest, newest, box.width));
      const right = round(sampleX(segment.at(-1)?.time ?? newest, newest, box.width));
      return `M${left},${box.height}L${line.join('L')}L${right},${box.height}Z`;
    })
    .join('');
}

/** The sample nearest to a place of the graph, if there is one within two seconds. */
export function sampleAt(history: TrafficHistory, x: number, width: number): TrafficHistory[number] | undefined {
  const newest = newestOf(history);
  const time = newest - ((width - x) / width) * historySeconds * 1000;
  const nearest = history.reduce<TrafficHistory[number] | undefined>(
    (best, sample) => (best === undefined || Math.abs(sample.time - time) < Math.abs(best.time - time) ? sample : best),
    undefined,
  );
  return nearest !== undefined && Math.abs(nearest.time - time) <= 2000 ? nearest : undefined;
}

const longestStepMs = 3000;

function segments(history: TrafficHistory): TrafficHistory[] {
  const result: TrafficHistory[number][][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const sample of history) {
    if (sample.time - last > longestStepMs) result.push([]);
    result.at(-1)?.push(sample);
    last = sample.time;
  }
  return result;
}

function points(segment: TrafficHistory, direction: 'up' | 'down', top: number, box: Box, newest: number): string[] {
  return segment.map((sample) => {
    const y = box.height - (Math.min(sample[direction], top) / top) * box.height;
    return `${round(sampleX(sample.time, newest, box.width))},${round(y)}`;
  });
}

function newestOf(history: TrafficHistory): number {
  return history.at(-1)?.time ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
