/** Holds a table still, or lets it move again. */
import { Pause, Play } from 'lucide-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';

export interface PauseButtonProps {
  paused: boolean;
  /** There is nothing that could be held still. */
  disabled: boolean;
  onChange: (paused: boolean) => void;
}

export const PauseButton = memo(function PauseButton({ paused, disabled, onChange }: PauseButtonProps) {
  const { t } = useTranslation();
  const name = t(paused ? 'action.resume' : 'action.pause');
  const Icon = paused ? Play : Pause;
  return (
    <button
      type="button"
      className="button button-icon"
      aria-pressed={paused}
      aria-label={name}
      title={name}
      disabled={disabled}
      onClick={() => onChange(!paused)}
    >
      <Icon size={15} aria-hidden="true" />
    </button>
  );
});
