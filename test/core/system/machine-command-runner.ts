/** Runs our system commands on a lab machine instead of this one. */
import { AppError } from '../../../core/base/app-error.ts';
import type { CommandOptions, CommandResult, CommandRunner } from '../../../core/system/command-runner.ts';
import type { Machine } from '../../support/lab.ts';

export class MachineCommandRunner implements CommandRunner {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  has(): boolean {
    return true;
  }

  async run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const result = await this.#machine.run(program, args, {
      timeoutMs: options.timeoutMs,
      ...(options.input === undefined ? {} : { input: options.input }),
    });
    if (result.code === 0) return result;
    throw new AppError('SYSTEM_COMMAND_FAILED', `${program} ${args.join(' ')}: ${result.stderr}`, {
      details: { stderr: result.stderr.trim(), exitCode: result.code },
    });
  }

  spawnLines(program: string, args: readonly string[], onLine: (line: string) => void, onEnd?: () => void): () => void {
    const running = this.#machine.spawn(program, args);
    let rest = '';
    let over = false;
    running.process.stdout?.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (!over) for (const line of lines) onLine(line);
    });
    running.process.on('exit', () => {
      if (!over) onEnd?.();
    });
    return () => {
      over = true;
      running.process.kill('SIGKILL');
    };
  }
}
