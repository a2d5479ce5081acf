/** Which process exactly: numbers are used again, so the time at which it began is part of its name. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly started: number;
}
