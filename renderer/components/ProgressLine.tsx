/** How far something is, in words and as a bar, and the way to end it. */
import { X } from 'lucide-react';
import './progress.css';

export interface ProgressLineProps {
  /** Undefined while it is not known how far it is. */
  value: number | undefined;
  max: number;
  text: string;
  /** What it is that goes on, where that is not in the text. */
  label?: string;
  stopLabel: string;
  onStop: () => void;
  /** Whether what changes is read out. */
  isStatus?: boolean;
}

export function ProgressLine({ value, max, text, label, stopLabel, onStop, isStatus = false }: ProgressLineProps) {
  return (
    <span className="progress-line" role={isStatus ? 'status' : undefined}>
      <progress max={Math.max(1, max)} value={value} aria-label={label === undefined ? text : `${label}: ${text}`} />
      <span className="nowrap" aria-hidden="true">
        {text}
      </span>
      <button
        type="button"
        className="button button-quiet button-icon"
        aria-label={stopLabel}
        title={stopLabel}
        onClick={onStop}
      >
        <X size={15} aria-hidden="true" />
      </button>
    </span>
  );
}
