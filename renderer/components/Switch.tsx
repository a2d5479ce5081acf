/** An on/off switch, in two sizes. It shows what it is told; who owns the state decides what a click does. */
import './switch.css';

export interface SwitchProps {
  checked: boolean;
  label: string;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  /** On its way: the knob is there already, the state is not yet. */
  busy?: boolean;
  large?: boolean;
  describedBy?: string;
}

export function Switch({
  checked,
  label,
  onChange,
  disabled = false,
  busy = false,
  large = false,
  describedBy,
}: SwitchProps) {
  return (
    <button
      type="button"
      role="switch"
      className="switch"
      data-size={large ? 'large' : 'small'}
      aria-checked={checked}
      aria-label={label}
      aria-busy={busy}
      aria-describedby={describedBy}
      disabled={disabled}
      onClick={() => onChange(!checked)}
    >
      <span className="switch-knob" />
    </button>
  );
}
