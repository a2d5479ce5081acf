/** Where log lines leave the process. Whoever reads them may stop (a journal that is stopped, a full pipe): lines are lost then, not memory. */

/** The part of a writable stream that is needed. To pipes and sockets Node writes without waiting, and keeps what is not taken. */
export interface LineSink {
  readonly writableLength: number;
  write(text: string): unknown;
}

/** Bytes that wait for a reader; lines beyond it are lost, and counted. */
const mostWaiting = 1024 * 1024;

export class LogOutput {
  readonly #sink: LineSink;
  #lost = 0;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** A whole line, with its line end. */
  write(line: string): void {
    if (this.#sink.writableLength > mostWaiting) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) this.#sink.write(`(${this.#lost} lines were lost: nobody read the log)\n`);
    this.#lost = 0;
    this.#sink.write(line);
  }
}
