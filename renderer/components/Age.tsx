/** Texts that move with the clock. They write themselves once a second: some dozens of them are not React's business. */
import { useLayoutEffect, useRef } from 'react';
import { useServices } from '../stores/services.ts';
import type { DurationText } from './use-duration.ts';

/** How long something has lasted, or lasted. */
export function Age({ from, to, text }: { from: number; to?: number | undefined; text: DurationText }) {
  return to === undefined ? (
    <ClockText write={(now) => text.duration(now - from)} />
  ) : (
    <span>{text.duration(to - from)}</span>
  );
}

/** How long ago something was; `never` for 0. */
export function Ago({ time, text }: { time: number; text: DurationText }) {
  return <ClockText write={(now) => text.ago(time, now)} />;
}

function ClockText({ write }: { write: (now: number) => string }) {
  const { clock } = useServices();
  const span = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const update = () => {
      const text = write(clock.time());
      if (span.current !== null && span.current.textContent !== text) span.current.textContent = text;
    };
    update();
    return clock.watch(update);
  });
  return <span ref={span} />;
}
