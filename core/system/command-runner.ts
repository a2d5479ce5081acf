/** Runs the operating system's own programs: by absolute path, without a shell, in a minimal environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../base/app-error.ts';

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** The program is killed after this many milliseconds. */
  readonly timeoutMs: number;
  /** What it reads on standard input; nothing if absent. */
  readonly input?: string;
}

export interface CommandRunner {
  /** Whether a program of this name is installed. */
  has(program: string): boolean;
  /** Runs to the end. Rejects with `SYSTEM_COMMAND_FAILED` (stderr in the details) unless it exits with 0. */
  run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult>;
  /** Runs until stopped, line by line. `onEnd` is called once if it ends by itself; after `stop()` nothing is called. */
  spawnLines(program: string, args: readonly string[], onLine: (line: string) => void, onEnd?: () => void): () => void;
}

const systemDirectories = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'] as const;
const environment = { PATH: systemDirectories.join(':'), LC_ALL: 'C' } as const;
/** Beyond it the program is killed: nothing we ask for is that long. */
const maxOutputBytes = 64 * 1024 * 1024;

export class SystemCommandRunner implements CommandRunner {
  readonly #directories: readonly string[];

  /** `directories`: where programs are looked up, first hit wins; root-owned ones only. */
  constructor(directories: readonly string[] = systemDirectories) {
    this.#directories = directories;
  }

  has(program: string): boolean {
    return this.#find(program) !== undefined;
  }

  async run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const child = spawn(this.#path(program), args, {
      cwd: '/',
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    // A program that ends before it has read everything is judged by its exit code, not by our EPIPE.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    const { stdout, stderr, code, signal, cause } = await finished(child);
    if (code === 0) return { stdout, stderr };
    throw commandError(program, args, { stderr, code, signal, cause });
  }

  spawnLines(program: string, args: readonly string[], onLine: (line: string) => void, onEnd?: () => void): () => void {
    // Ends with us even when we are killed: setpriv(1) --pdeathsig, prctl(2) PR_SET_PDEATHSIG.
    const path = this.#path(program);
    const guard = this.#find('setpriv');
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    const spawnOptions = { cwd: '/', env: environment, stdio };
    const child =
      guard === undefined
        ? spawn(path, args, spawnOptions)
        : spawn(guard, ['--pdeathsig', 'KILL', '--', path, ...args], spawnOptions);
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      onEnd?.();
    };
    let rest = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (!over) onLine(line);
    });
    child.on('error', end);
    child.on('close', end);
    return () => {
      over = true;
      child.kill('SIGKILL');
    };
  }

  #find(program: string): string | undefined {
    if (!/^[a-z][a-z0-9-]*$/.test(program)) return undefined;
    return this.#directories.map((directory) => join(directory, program)).find(isExecutable);
  }

  #path(program: string): string {
    const path = this.#find(program);
    if (path !== undefined) return path;
    throw new AppError('SYSTEM_COMMAND_FAILED', `the program "${program}" is not installed`, {
      expected: `install it; it is looked for in ${this.#directories.join(', ')}`,
      details: { program },
    });
  }
}

interface Outcome {
  stdout: string;
  stderr: string;
  code: number | null;
  signal: NodeJS.Signals | null;
  cause?: unknown;
}

function finished(child: ChildProcess): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let size = 0;
  const keep = (into: Buffer[]) => (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxOutputBytes) child.kill('SIGKILL');
    else into.push(chunk);
  };
  child.stdout?.on('data', keep(stdout));
  child.stderr?.on('data', keep(stderr));
  return new Promise((resolve) => {
    const outcome = (code: number | null, signal: NodeJS.Signals | null, cause?: unknown): Outcome => ({
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
      code,
      signal,
      cause,
    });
    child.on('error', (error) => resolve(outcome(null, null, error)));
    child.on('close', (code, signal) => resolve(outcome(code, signal)));
  });
}

function commandError(program: string, args: readonly string[], outcome: Omit<Outcome, 'stdout'>): AppError {
  const said = outcome.stderr.trim().slice(0, 65_536);
  const how =
    outcome.code === null ? (outcome.signal === null ? 'could not be started' : `was ended by ${outcome.signal}`) : '';
  const reason = [how, said.slice(0, 2_000).split('\n')[0] ?? ''].filter((part) => part !== '').join(': ');
  return new AppError(
    'SYSTEM_COMMAND_FAILED',
    `${program} ${args.join(' ')} failed: ${reason === '' ? `exit code ${outcome.code}` : reason}`,
    {
      cause: outcome.cause,
      details: { program, stderr: said, ...(outcome.code === null ? {} : { exitCode: outcome.code }) },
    },
  );
}

function isExecutable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return fs.statSync(path).isFile();
  } catch {
    return false;
  }
}
