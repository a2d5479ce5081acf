/** A command runner that runs nothing: it answers from a table and keeps what was asked as a script to compare with. */
import { AppError } from '../../../core/base/app-error.ts';
import type { CommandOptions, CommandResult, CommandRunner } from '../../../core/system/command-runner.ts';

export class ScriptedCommandRunner implements CommandRunner {
  /** By whole command line: standard output, or an error. What is not listed succeeds with no output. */
  readonly answers = new Map<string, string | Error>();
  /** Answers that hold from the time on that this command was run. */
  readonly afterwards = new Map<string, Readonly<Record<string, string>>>();
  readonly installed = new Set(['ip']);
  /** Line readers that are running. */
  readonly readers: { command: string; line: (line: string) => void; end: () => void }[] = [];
  #script: string[] = [];

  has(program: string): boolean {
    return this.installed.has(program);
  }

  async run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const command = [program, ...args].join(' ');
    this.#script.push(command, ...(options.input?.trimEnd().split('\n') ?? []).map((line) => `  ${line}`));
    await Promise.resolve();
    const answer = this.answers.get(command) ?? '';
    for (const [later, text] of Object.entries(this.afterwards.get(command) ?? {})) this.answers.set(later, text);
    if (answer instanceof Error) throw answer;
    return { stdout: answer, stderr: '' };
  }

  spawnLines(program: string, args: readonly string[], onLine: (line: string) => void, onEnd?: () => void): () => void {
    const reader = {
      command: [program, ...args].join(' '),
      line: onLine,
      end: () => {
        this.readers.splice(this.readers.indexOf(reader), 1);
        onEnd?.();
      },
    };
    this.readers.push(reader);
    return () => void this.readers.splice(this.readers.indexOf(reader), 1);
  }

  /** What was run since the last call, input indented. Commands that only read are left out. */
  takeScript(): string {
    const script = this.#script.filter((line) => !/ show\b/.test(line)).join('\n');
    this.#script = [];
    return script;
  }
}

/** What the real runner throws when `ip` has said something. */
export function commandFailure(stderr: string): AppError {
  return new AppError('SYSTEM_COMMAND_FAILED', `failed: ${stderr}`, { details: { stderr, exitCode: 1 } });
}
