/** Where the helper's log lines go: one line each to standard error, and the newest ones to viewers of the `logs` table. */
import { createLogger, type Logger, type LogRecord } from '../base/logger.ts';
import type { Config } from '../contract/config.ts';
import { type LogLevel, logLevels } from '../contract/log.ts';
import { RowRing } from '../rpc/row-ring.ts';

/** Lines kept for viewers. */
const kept = 2_000;

export class HelperLog {
  readonly logger: Logger;
  readonly rows = new RowRing<'logs'>(kept);
  readonly #write: (line: string) => void;
  #lowest: number = logLevels.indexOf('info');
  #count = 0;

  /** `write` takes whole lines, with their line ends. */
  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write;
    const enabled = (level: LogLevel) => logLevels.indexOf(level) >= this.#lowest;
    this.logger = createLogger((record) => this.#sink(record), { component: 'helper', enabled, now });
  }

  /** Lines below this level are not even built; `silent` keeps all of them back. */
  setLevel(level: Config['logLevel']): void {
    this.#lowest = level === 'silent' ? logLevels.length : logLevels.indexOf(level);
  }

  #sink(record: LogRecord): void {
    const { time, level, component } = record;
    const message = oneLine(record.text);
    this.#write(`${new Date(time).toISOString()} ${level} ${component}: ${message}\n`);
    this.rows.add({ id: String(++this.#count), time, level, component, message });
  }
}

/** Names come from the network: a line end or a control character in one must not look like a line of ours. */
function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
