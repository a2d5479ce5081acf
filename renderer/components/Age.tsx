/** Texts that move with the clock; each watches it alone, so that a tick draws them and nothing around them. */
import { useNow } from '../stores/services.ts';
import type { DurationText } from './use-duration.ts';

/** How long something has lasted, or lasted. */
export function Age({ from, to, text }: { from: number; to?: number | undefined; text: DurationText }) {
  return to === undefined ? <RunningAge from={from} text={text} /> : <>{text.duration(to - from)}</>;
}

function RunningAge({ from, text }: { from: number; text: DurationText }) {
  return <>{text.duration(useNow() - from)}</>;
}

/** How long ago something was; `never` for 0. */
export function Ago({ time, text }: { time: number; text: DurationText }) {
  return <>{text.ago(time, useNow())}</>;
}
