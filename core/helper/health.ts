/** The standing troubles that the snapshot shows: raised by whoever finds them, until cleared. */
import { Emitter } from '../base/emitter.ts';
import type { HealthWarning } from '../contract/status.ts';

export class Health {
  /** Every change of `warnings`. */
  readonly changed = new Emitter<void>();
  readonly #warnings = new Map<string, HealthWarning>();

  /** Oldest first. */
  warnings(): HealthWarning[] {
    return [...this.#warnings.values()];
  }

  /** Replaces what was raised with the same code; the same trouble again is no news. */
  raise(warning: HealthWarning): void {
    const known = this.#warnings.get(warning.code);
    if (known !== undefined && known.text === warning.text && known.severity === warning.severity) return;
    this.#warnings.set(warning.code, warning);
    this.changed.emit();
  }

  clear(code: string): void {
    if (this.#warnings.delete(code)) this.changed.emit();
  }
}
