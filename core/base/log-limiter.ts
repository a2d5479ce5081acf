/**
 * Keeps a flood of events from becoming a flood of log lines: lines of one kind are written so often and no oftener, and the
 * next one that is written says how many were left out.
 */
import type { LogLevel } from '../contract/log.ts';
import { TokenBucket } from './token-bucket.ts';

/** Lines of one kind at once, and each second after that. */
const limits: Record<LogLevel, { readonly burst: number; readonly perSecond: number }> = {
  debug: { burst: 400, perSecond: 50 },
  info: { burst: 400, perSecond: 20 },
  warning: { burst: 10, perSecond: 1 },
  error: { burst: 10, perSecond: 1 },
};
/** Kinds that are told apart; the one that was not heard of for longest is forgotten for another. */
const mostKinds = 256;

interface Kind {
  readonly bucket: TokenBucket;
  leftOut: number;
}

export class LogLimiter {
  readonly #clock: { monotonic(): number };
  readonly #kinds = new Map<string, Kind>();

  /** `now` may jump: a limit then holds for up to a burst more. */
  constructor(now: () => number) {
    this.#clock = { monotonic: now };
  }

  /** How many lines of this kind were left out before this one, which is to be written; undefined when it is not. */
  admit(level: LogLevel, component: string, message: string): number | undefined {
    const name = `${level} ${component} ${message}`;
    const kind = this.#kinds.get(name) ?? this.#newKind(level);
    this.#kinds.delete(name);
    this.#kinds.set(name, kind);
    if (!kind.bucket.take()) {
      kind.leftOut += 1;
      return undefined;
    }
    const { leftOut } = kind;
    kind.leftOut = 0;
    return leftOut;
  }

  #newKind(level: LogLevel): Kind {
    const [oldest] = this.#kinds.keys();
    if (this.#kinds.size >= mostKinds && oldest !== undefined) this.#kinds.delete(oldest);
    const { perSecond, burst } = limits[level];
    return { bucket: new TokenBucket(this.#clock, perSecond, burst), leftOut: 0 };
  }
}
