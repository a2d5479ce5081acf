/** A small labelled mark: states, sources, verdicts. The tone is a hint; the word carries the meaning. */
import './chip.css';

export type ChipTone = 'plain' | 'accent' | 'amber' | 'red' | 'outline';

export interface ChipProps {
  children: string;
  tone?: ChipTone;
  title?: string | undefined;
}

export function Chip({ children, tone = 'plain', title }: ChipProps) {
  return (
    <span className="chip" data-tone={tone} title={title}>
      {children}
    </span>
  );
}
