/** Where parts of the system tell of standing trouble; the helper shows what is raised until it is cleared. */
import type { HealthWarning } from '../contract/status.ts';

export interface HealthSink {
  /** Replaces what was raised with the same code. */
  raise(warning: HealthWarning): void;
  clear(code: string): void;
}
