/** Structured, levelled logging as a narrow interface; the composition root decides where lines go. */
import type { LogLevel } from '../contract/log.ts';
import { LogLimiter } from './log-limiter.ts';

export type LogFields = Record<string, string | number | boolean | undefined>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry this component's name. */
  child(component: string): Logger;
}

export interface LogRecord {
  time: number;
  level: LogLevel;
  component: string;
  /** Message and fields in one line: `message key=value key="two words"`. */
  text: string;
}

export interface LoggerOptions {
  readonly component: string;
  /** Asked before a line is built, so that a silent level costs nothing. */
  readonly enabled: (level: LogLevel) => boolean;
  readonly now: () => number;
}

/** UTF-16 units of a line, and of one value in it: what comes from outside may be long. */
const maxLine = 4_096;
const maxValue = 2_048;

/** Builds a logger over a sink. What repeats itself too often is left out and counted (`LogLimiter`); long lines are cut. */
export function createLogger(sink: (record: LogRecord) => void, options: LoggerOptions): Logger {
  return limitedLogger(sink, options, new LogLimiter(options.now));
}

function limitedLogger(sink: (record: LogRecord) => void, options: LoggerOptions, limiter: LogLimiter): Logger {
  const { component } = options;
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (!options.enabled(level)) return;
    const leftOut = limiter.admit(level, component, message);
    if (leftOut === undefined) return;
    const text = formatLine(message, leftOut === 0 ? fields : { ...fields, 'more-like-it': leftOut });
    sink({ time: options.now(), level, component, text });
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warning: write('warning'),
    error: write('error'),
    child: (name) => limitedLogger(sink, { ...options, component: name }, limiter),
  };
}

/** Swallows everything; for tests and tools that have nothing to tell. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warning: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function formatLine(message: string, fields: LogFields | undefined): string {
  let line = cut(message, maxValue);
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    const text = cut(String(value), maxValue);
    line += ` ${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  }
  return cut(line, maxLine);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
