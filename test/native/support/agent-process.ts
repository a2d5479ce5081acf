/** The test's end of an agent: starts it on a machine and calls its operations. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Machine, Running } from '../../support/lab.ts';

const node = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));

export class AgentProcess {
  readonly #running: Running;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  #rest = '';

  private constructor(running: Running) {
    this.#running = running;
    running.process.stdout?.on('data', (text: string) => {
      this.#take(text);
    });
    running.process.on('exit', () => {
      for (const call of this.#waiting.values()) call.reject(new Error(`the agent ended:\n${running.output}`));
      this.#waiting.clear();
    });
  }

  /** Starts `name`.ts of this folder on a machine. */
  static async start(machine: Machine, name: string): Promise<AgentProcess> {
    const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
    const running = machine.spawn(node, ['--disable-warning=ExperimentalWarning', script], { stdin: 'pipe' });
    const agent = new AgentProcess(running);
    await running.printed(/ready\n/);
    return agent;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Calls an operation; its error has the `code` it had there. */
  async call<T>(operation: string, args: unknown = {}): Promise<T> {
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#running.process.stdin?.write(`${JSON.stringify({ id, operation, args })}\n`);
    return (await answer) as T;
  }

  /** Ends the process and waits for it; answers its exit code. */
  async stop(): Promise<number | null> {
    const { process } = this.#running;
    if (process.exitCode !== null) return process.exitCode;
    const exited = once(process, 'exit');
    process.stdin?.end();
    await exited;
    return process.exitCode;
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('{')) continue;
      const answer = JSON.parse(line) as { id: number; value?: unknown; error?: string; code?: string };
      const call = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) call?.resolve(answer.value);
      else call?.reject(Object.assign(new Error(answer.error), { code: answer.code }));
    }
  }
}
