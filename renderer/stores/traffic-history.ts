/** The last two minutes of traffic samples. Immutable: each sample makes a new history. */
import type { Traffic } from '../../core/contract/status.ts';

export const historySeconds = 120;

export type TrafficHistory = readonly Traffic[];

/** Appends a sample and drops what is older than two minutes; a clock that went back starts a new history. */
export function addSample(history: TrafficHistory, sample: Traffic): TrafficHistory {
  const last = history.at(-1);
  if (last !== undefined && sample.time < last.time) return [sample];
  const oldest = sample.time - historySeconds * 1000;
  const kept = last !== undefined && last.time === sample.time ? history.slice(0, -1) : history;
  return [...kept.filter((old) => old.time >= oldest), sample];
}
