/** A desktop for one test: a screen without a monitor, a message bus, a tray if wanted, and the real app in a real Electron. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { HelperServer } from './helper-server.ts';
import { root } from './source-graph.ts';

export const artifacts = path.join(root, 'test/.artifacts/electron');

/**
 * The Electron that the tests run on: the one that package.json names where its binary is installed, else an older real one
 * from the package registry. What passes on the older is no proof for the newer.
 */
export async function electronRuntime(): Promise<{ executable: string; version: string }> {
  const installed = process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? path.join(root, 'node_modules/electron/dist');
  const older = path.join(root, 'node_modules/.cache/mirage/electron-25');
  const directory = existsSync(path.join(installed, 'electron')) ? installed : older;
  if (directory === older) await promisify(execFile)(path.join(root, 'build/scripts/get-electron.sh'), [older]);
  const version = readFileSync(path.join(directory, 'version'), 'utf8').trim();
  return { executable: path.join(directory, 'electron'), version };
}

/** Milliseconds until the app has its window: with a tenth of a processor Electron needs half a minute. */
const patience = 90_000;

export interface MenuEntry {
  id: number;
  label: string;
  type: string;
  enabled: boolean;
  checked: boolean;
}

/** test/support/status-notifier-host.py as an object. */
export class TrayHost {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcess, lines: Interface) {
    this.#process = process;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  static async start(busAddress: string, env: NodeJS.ProcessEnv): Promise<TrayHost> {
    // The system's interpreter: only it has the bindings that Debian packages.
    const child = spawn('/usr/bin/python3', [path.join(root, 'test/support/status-notifier-host.py')], {
      env: { ...env, DBUS_SESSION_BUS_ADDRESS: busAddress },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const host = new TrayHost(child, createInterface(child.stdout));
    await host.#answer();
    return host;
  }

  async items(): Promise<string[]> {
    return (await this.#ask('items')) as string[];
  }

  async item(): Promise<{ Id: string; Title: string; Status: string; tooltip: string; icon: [number, number] }> {
    return (await this.#ask('item')) as never;
  }

  async menu(): Promise<MenuEntry[]> {
    return (await this.#ask('menu')) as MenuEntry[];
  }

  async entry(label: string): Promise<MenuEntry> {
    const menu = await this.menu();
    const found = menu.find((entry) => entry.label === label);
    if (found === undefined) throw new Error(`no "${label}" among ${menu.map((entry) => entry.label).join(' | ')}`);
    return found;
  }

  async click(label: string): Promise<void> {
    await this.#ask(`click ${(await this.entry(label)).id}`);
  }

  /** Clicks the icon itself. */
  async activate(): Promise<void> {
    await this.#ask('activate');
  }

  /** Mean colour of the icon's opaque pixels, as [red, green, blue]. */
  async iconColour(): Promise<[number, number, number]> {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'mirage-icon-')), 'icon.pam');
    try {
      await this.#ask(`icon ${file}`);
      return meanColour(readFileSync(file));
    } finally {
      rmSync(path.dirname(file), { recursive: true });
    }
  }

  async stop(): Promise<void> {
    this.#process.stdin?.end();
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
  }

  async #ask(command: string): Promise<unknown> {
    this.#process.stdin?.write(`${command}\n`);
    return await this.#answer();
  }

  async #answer(): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the tray host ended');
    const answer = JSON.parse(line.value) as { ok?: unknown; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.ok;
  }
}

export interface DesktopOptions {
  tray?: boolean;
  /** Runtime directory of a helper that runs elsewhere; without it `desktop.helper` is the one that pretends. */
  runtimeDir?: string;
  env?: Record<string, string>;
}

export class Desktop {
  readonly helper = new HelperServer();
  readonly home = mkdtempSync(path.join(tmpdir(), 'mirage-desktop-'));
  readonly electron: { executable: string; version: string };
  tray: TrayHost | undefined;
  readonly #children: ChildProcess[] = [];
  #environment: NodeJS.ProcessEnv = {};
  #runtimeDir: string = this.helper.runtimeDir;

  private constructor(electron: { executable: string; version: string }) {
    this.electron = electron;
  }

  static async start(options: DesktopOptions = {}): Promise<Desktop> {
    for (const file of ['dist/electron/main.cjs', 'dist/renderer/index.html']) {
      if (!existsSync(path.join(root, file))) throw new Error(`${file} is missing: run "npm run build" first`);
    }
    mkdirSync(artifacts, { recursive: true });
    const desktop = new Desktop(await electronRuntime());
    try {
      await desktop.#start(options);
      return desktop;
    } catch (error) {
      await desktop[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts the app; `page` is its window. Closed with the desktop at the latest. */
  async launch(...args: string[]): Promise<{ app: ElectronApplication; page: Page }> {
    const app = await _electron.launch({
      executablePath: this.electron.executable,
      args: [...this.#electronArgs(), ...args],
      env: cleanEnvironment(this.#environment),
      timeout: patience,
    });
    this.#children.push(app.process());
    const page = await app.firstWindow({ timeout: patience });
    await page.locator('#root > *').first().waitFor({ timeout: patience });
    return { app, page };
  }

  /** Starts the app as a program, without Playwright inside; or, with `packed`, a binary that has the app in it. */
  spawnApp(program: { executable?: string; packed?: boolean }, ...args: string[]): ChildProcess {
    const { executable = this.electron.executable, packed = false } = program;
    const child = spawn(executable, [...this.#electronArgs(packed), ...args], {
      env: this.#environment,
      stdio: 'ignore',
    });
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tray?.stop();
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await this.helper[Symbol.asyncDispose]();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  #electronArgs(packed = false): string[] {
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    return [...sandbox, ...(packed ? [] : [root]), '--socket', this.#runtimeDir, '--developer'];
  }

  async #start({ tray = false, runtimeDir, env = {} }: DesktopOptions): Promise<void> {
    if (runtimeDir === undefined) await this.helper.start();
    else this.#runtimeDir = runtimeDir;
    const display = await this.#startProgram('Xvfb', [
      '-displayfd',
      '3',
      '-screen',
      '0',
      '1400x900x24',
      '-nolisten',
      'tcp',
    ]);
    const bus = await this.#startProgram('dbus-daemon', ['--session', '--nofork', '--print-address=3']);
    this.#environment = {
      PATH: process.env['PATH'],
      HOME: this.home,
      XDG_CONFIG_HOME: path.join(this.home, 'config'),
      DISPLAY: `:${display}`,
      DBUS_SESSION_BUS_ADDRESS: bus,
      LANG: 'en_US.UTF-8',
      ...env,
    };
    if (tray) this.tray = await TrayHost.start(bus, this.#environment);
  }

  /** Starts a program that writes where it is to be found to descriptor 3. */
  async #startProgram(program: string, args: string[]): Promise<string> {
    // Ends with this process even when that is killed.
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', program, ...args], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.#children.push(child);
    const [line] = (await Promise.race([
      once(createInterface(child.stdio[3] as Readable), 'line'),
      once(child, 'error').then(([error]) => Promise.reject(error as Error)),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${program} ended with ${String(code)}`))),
    ])) as [string];
    return line;
  }
}

function cleanEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Of a portable arbitrary map with alpha. */
function meanColour(pam: Buffer): [number, number, number] {
  const pixels = pam.subarray(pam.indexOf('ENDHDR\n') + 7);
  const sum = [0, 0, 0];
  let count = 0;
  for (let at = 0; at + 3 < pixels.length; at += 4) {
    if ((pixels[at + 3] ?? 0) < 200) continue;
    for (const channel of [0, 1, 2]) sum[channel] = (sum[channel] ?? 0) + (pixels[at + channel] ?? 0);
    count += 1;
  }
  const [red = 0, green = 0, blue = 0] = sum.map((value) => Math.round(value / Math.max(1, count)));
  return [red, green, blue];
}
