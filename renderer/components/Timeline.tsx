/** Steps from top to bottom, each with what came of it. */
import type { ReactNode } from 'react';
import './timeline.css';

export type StepTone = 'done' | 'waiting' | 'failed' | 'fake';

export interface TimelineStepProps {
  tone: StepTone;
  title: ReactNode;
  /** At the right: a time or a duration. */
  when?: ReactNode;
  children?: ReactNode;
}

export function Timeline({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ol className="timeline" aria-label={label}>
      {children}
    </ol>
  );
}

export function TimelineStep({ tone, title, when, children }: TimelineStepProps) {
  return (
    <li className="timeline-step" data-tone={tone}>
      <div className="timeline-head">
        <span className="timeline-title">{title}</span>
        {when === undefined ? null : <span className="faint nowrap">{when}</span>}
      </div>
      {children}
    </li>
  );
}
