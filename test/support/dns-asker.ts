/** A DNS client on a lab machine that remembers what it was answered: for tests that must know every answer there was. */
import readline from 'node:readline';
import type { Machine, Running } from './lab.ts';

export type AskerCommand =
  | { do: 'ask'; names: readonly string[]; type: string; window: number }
  | { do: 'stream'; prefix: string }
  | { do: 'allow'; names: number }
  | { do: 'next' | 'news' | 'end' };

export interface AskReport {
  /** One for each name: an address or other data, or `!` and the RCODE. */
  answers: string[];
  /** Questions that had to be asked again. */
  lost: number;
  /** Milliseconds until the answer. */
  p50: number;
  p99: number;
}

/** Number of the name, and an answer that it had not had before. */
export type AskerRecord = [name: number, answer: string];

export interface StreamNews {
  news: AskerRecord[];
  answered: number;
  /** Questions that nobody answered in time. */
  lost: number;
  /** Questions without an answer now, and those of them for names that were never answered. */
  open: number;
  openFresh: number[];
}

export interface AskerOptions {
  /** After so many milliseconds without an answer it asks again. */
  patience: number;
  /** Mirage's own by default. */
  server?: string;
  /** The machine's address that it asks from. */
  source?: string;
}

export class DnsAsker {
  readonly running: Running;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #serial = 0;

  constructor(machine: Machine, { patience, server = '198.18.0.2', source = '0.0.0.0' }: AskerOptions) {
    const script = new URL('dns-asker-process.ts', import.meta.url).pathname;
    this.running = machine.spawn(process.execPath, [script, server, String(patience), source], { stdin: 'pipe' });
    const { stdout } = this.running.process;
    if (stdout === null) throw new Error('the asker has no output');
    readline.createInterface({ input: stdout }).on('line', (line) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own program wrote it
      const { serial, result } = JSON.parse(line) as { serial: number; result: unknown };
      this.#waiting.get(serial)?.resolve(result);
      this.#waiting.delete(serial);
    });
    this.running.process.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the asker ended:\n${this.running.output}`));
    });
  }

  /** Asks for every name until it is answered. */
  async ask(names: readonly string[], type = 'A', window = 64): Promise<AskReport> {
    return await this.#tell<AskReport>({ do: 'ask', names, type, window });
  }

  /** Begins to ask without end for `PREFIX0.example`, `PREFIX1.example`, ...: as many different names as `allow` says. */
  async stream(prefix: string): Promise<void> {
    await this.#tell({ do: 'stream', prefix });
  }

  async allow(names: number): Promise<void> {
    await this.#tell({ do: 'allow', names });
  }

  /** Resolves when the stream is answered something. */
  async nextAnswer(): Promise<void> {
    await this.#tell({ do: 'next' });
  }

  /** What the stream was answered since the last call. */
  async news(): Promise<StreamNews> {
    return await this.#tell<StreamNews>({ do: 'news' });
  }

  async endStream(): Promise<void> {
    await this.#tell({ do: 'end' });
  }

  async #tell<T>(command: AskerCommand): Promise<T> {
    const serial = ++this.#serial;
    const answer = await new Promise((resolve, reject) => {
      this.#waiting.set(serial, { resolve, reject });
      this.running.process.stdin?.write(`${JSON.stringify({ serial, command })}\n`);
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own program answers what was asked
    return answer as T;
  }
}
