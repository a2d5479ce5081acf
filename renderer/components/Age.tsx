/** Texts that move with the clock. They write themselves once a second: some dozens of them are not React's business. */
import { createContext, useContext, useLayoutEffect, useRef } from 'react';
import { useServices } from '../stores/services.ts';
import type { DurationText } from './use-duration.ts';

/** The moment at which the texts below stand still; undefined while they move. Unix milliseconds. */
export const StillTime = createContext<number | undefined>(undefined);

/** How long something has lasted, or lasted. */
export function Age({ from, to, write }: { from: number; to?: number | undefined; write: (ms: number) => string }) {
  return to === undefined ? <ClockText write={(now) => write(now - from)} /> : <span>{write(to - from)}</span>;
}

/** How long ago something was; `never` for 0. */
export function Ago({ time, text }: { time: number; text: DurationText }) {
  return <ClockText write={(now) => text.ago(time, now)} />;
}

/** Any text that depends on the time. */
export function ClockText({ write }: { write: (now: number) => string }) {
  const { clock } = useServices();
  const still = useContext(StillTime);
  const span = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const update = () => {
      const text = write(still ?? clock.time());
      if (span.current !== null && span.current.textContent !== text) span.current.textContent = text;
    };
    update();
    return still === undefined ? clock.watch(update) : undefined;
  });
  return <span ref={span} />;
}
