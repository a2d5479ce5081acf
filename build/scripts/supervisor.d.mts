export const restartLimit: number;
export const restartPeriod: number;

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export function keepRunning(services: {
  readonly start: () => Promise<ProgramEnd>;
  readonly stopped: () => boolean;
  readonly giveUp: () => Promise<void>;
  readonly tell: (sentence: string) => void;
  readonly now: () => number;
}): Promise<number>;
