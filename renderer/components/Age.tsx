/** Texts that move with the clock; each watches it alone, so that a tick draws them and nothing around them. */
import { useNow } from '../stores/services.ts';
import { useDuration } from './use-duration.ts';

/** How long something has lasted, or lasted. */
export function Age({ from, to }: { from: number; to?: number | undefined }) {
  const { duration } = useDuration();
  return to === undefined ? <RunningAge from={from} /> : <>{duration(to - from)}</>;
}

function RunningAge({ from }: { from: number }) {
  const { duration } = useDuration();
  return <>{duration(useNow() - from)}</>;
}

/** How long ago something was; `never` for 0. */
export function Ago({ time }: { time: number }) {
  const { ago } = useDuration();
  return <>{ago(time, useNow())}</>;
}
