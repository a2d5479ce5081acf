/** Structured, levelled logging as a narrow interface; the composition root decides where lines go. */
import type { LogLevel } from '../contract/log.ts';

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

/** Builds a logger over a sink. `enabled` is asked before a line is built, so that a silent level costs nothing. */
export function createLogger(
  sink: (record: LogRecord) => void,
  options: { component: string; enabled: (level: LogLevel) => boolean; now: () => number },
): Logger {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (!options.enabled(level)) return;
    sink({ time: options.now(), level, component: options.component, text: formatLine(message, fields) });
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warning: write('warning'),
    error: write('error'),
    child: (component) => createLogger(sink, { ...options, component }),
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
  let line = message;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    const text = String(value);
    line += ` ${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  }
  return line;
}
