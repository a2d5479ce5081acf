/** Mirage as its user has it, on a lab machine: the built helper, and the built command line to talk to it. */
import fs from 'node:fs';
import path from 'node:path';
import type { MappingRow } from '../../core/contract/dns.ts';
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { Snapshot } from '../../core/contract/status.ts';
import type { Finished, Machine, Running } from './lab.ts';
import { root } from './source-graph.ts';

export class Mirage {
  readonly machine: Machine;
  readonly stateDir: string;
  readonly runtimeDir = '/run/mirage';
  readonly #helperMain: string;
  /** What the helper is started with everywhere. */
  readonly #helperFlags: readonly string[];
  readonly #cliMain: string;
  #helper: Running | undefined;

  /** `checkout`: the built tree that is run. */
  constructor(machine: Machine, checkout: string = root) {
    this.machine = machine;
    this.stateDir = `${machine.directory}/state`;
    this.#helperMain = path.join(checkout, 'dist/helper/main.js');
    this.#helperFlags = JSON.parse(fs.readFileSync(path.join(checkout, 'build/helper-flags.json'), 'utf8')) as string[];
    this.#cliMain = path.join(checkout, 'dist/cli/main.js');
  }

  get helper(): Running {
    if (this.#helper === undefined) throw new Error('the helper was not started');
    return this.#helper;
  }

  /** Starts the helper and waits until it answers. */
  async start(args: readonly string[] = []): Promise<void> {
    this.launch(args);
    for (const end = Date.now() + 120_000; ; ) {
      if ((await this.cli('status', '--json')).code === 0) return;
      const ended = this.helper.process.exitCode;
      if (ended !== null || Date.now() > end) throw new Error(`the helper does not answer:\n${this.helper.output}`);
    }
  }

  /** Starts the helper and waits for nothing. */
  launch(args: readonly string[] = []): void {
    this.#helper = this.machine.spawn(process.execPath, [
      ...this.#helperFlags,
      this.#helperMain,
      ...this.#helperArgs(),
      ...args,
    ]);
  }

  /** `mirage-helper --restore`, offline. */
  async restoreOffline(): Promise<Finished> {
    return await this.machine.run(process.execPath, [this.#helperMain, ...this.#helperArgs(), '--restore']);
  }

  #helperArgs(): string[] {
    return ['--developer', '--runtime-dir', this.runtimeDir, '--state-dir', this.stateDir, '--allow-uid', '0'];
  }

  /** Runs the command line. */
  async cli(...args: string[]): Promise<Finished> {
    const { words, env } = this.command(...args);
    return await this.machine.run(process.execPath, words.slice(1), { env });
  }

  /** What `cli` runs. */
  command(...args: string[]): { words: string[]; env: Record<string, string> } {
    return {
      words: [process.execPath, this.#cliMain, ...args, '--socket', this.runtimeDir],
      env: { NO_COLOR: '1', XDG_CONFIG_HOME: `${this.machine.directory}/config` },
    };
  }

  /** Starts `mirage serve`; its output has the link. */
  serve(...args: string[]): Running {
    return this.machine.spawn(
      process.execPath,
      [this.#cliMain, 'serve', '--no-open', '--socket', this.runtimeDir, ...args],
      {
        env: { NO_COLOR: '1', XDG_CONFIG_HOME: `${this.machine.directory}/config` },
      },
    );
  }

  /** Runs it with --json; a failure is an error that shows what it said. */
  async json<T>(...args: string[]): Promise<T> {
    const result = await this.cli(...args, '--json');
    if (result.code !== 0)
      throw new Error(
        `mirage ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}\n--- helper:\n${this.#helper?.output.slice(-3000)}`,
      );
    return JSON.parse(result.stdout) as T;
  }

  /** Writes the profile and turns Enhanced Mode on with it, for good (no session). */
  async enhanced(profile: string): Promise<Snapshot> {
    const file = `${this.machine.directory}/profile.yaml`;
    await this.machine.write(file, profile);
    return await this.json<Snapshot>('enhanced', 'on', '--config', file);
  }

  async off(): Promise<Snapshot> {
    return await this.json<Snapshot>('enhanced', 'off');
  }

  async connections(): Promise<ConnectionRow[]> {
    return await this.json<ConnectionRow[]>('dump', 'connections', '--closed');
  }

  async mappings(): Promise<MappingRow[]> {
    return await this.json<MappingRow[]>('dump', 'fake-ip');
  }

  /** Flushes the mappings again and again, with pauses of so many milliseconds; answers how many were retired in all. */
  async flushFakeIp(times: number, pause: number): Promise<number> {
    const core = (file: string) => JSON.stringify(path.join(root, 'core', file));
    const script = `
      import { systemClock } from ${core('base/clock.ts')};
      import { controlSocketOf } from ${core('base/paths.ts')};
      import { mirageVersion } from ${core('base/version.ts')};
      import { RpcClient } from ${core('rpc/rpc-client.ts')};
      const socketPath = controlSocketOf({ runtimeDir: '${this.runtimeDir}', stateDir: '' });
      const client = new RpcClient({ socketPath, version: mirageVersion, clock: systemClock });
      await client.connectOnce();
      let retired = 0;
      for (let i = 0; i < ${times}; i++) {
        retired += (await client.call('flushFakeIp', {})).retired;
        await new Promise((resolve) => setTimeout(resolve, ${pause}));
      }
      await client.close();
      console.log(retired);`;
    const { stdout, stderr } = await this.machine.run(process.execPath, ['--input-type=module', '-e', script]);
    if (stdout === '') throw new Error(`no flush: ${stderr}`);
    return Number(stdout);
  }

  async kill9(): Promise<void> {
    await this.helper.stop('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#helper?.stop('SIGTERM');
  }
}
