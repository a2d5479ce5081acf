/** The real systemd-resolved on a lab machine, with a system bus of its own. Its package is only unpacked (build/scripts/system-packages.mjs). */
import fs from 'node:fs';
import path from 'node:path';
import type { Machine, Running } from './lab.ts';
import { root } from './source-graph.ts';

const unpacked = path.join(root, 'node_modules/.mirage-packages');

export class Resolved {
  readonly #machine: Machine;
  #daemon: Running | undefined;

  private constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Lays the package over the machine's /usr and starts a bus. Throws where the package was not unpacked. */
  static async install(machine: Machine): Promise<Resolved> {
    if (!fs.existsSync(unpacked)) throw new Error(`${unpacked} is not there: "npm test netns" unpacks it`);
    await machine.sh(`mount -t overlay -o lowerdir=${unpacked}/usr:/usr overlay /usr
      for user in systemd-resolve messagebus; do id $user >/dev/null 2>&1 || useradd -r -M -s /usr/sbin/nologin $user; done
      mkdir -p /run/dbus /run/systemd`);
    machine.spawn('dbus-daemon', ['--system', '--nofork', '--nopidfile']);
    await machine.sh('for i in $(seq 1200); do [ -S /run/dbus/system_bus_socket ] && exit 0; sleep 0.05; done; exit 1');
    return new Resolved(machine);
  }

  /** Starts the daemon anew with these lines in its section `Resolve`. */
  async start(...lines: string[]): Promise<void> {
    await this.#daemon?.stop();
    const text = ['[Resolve]', 'LLMNR=no', 'MulticastDNS=no', 'FallbackDNS=', ...lines, ''].join('\n');
    await this.#machine.write('/etc/systemd/resolved.conf', text);
    this.#daemon = this.#machine.spawn('/lib/systemd/systemd-resolved', [], { env: { SYSTEMD_LOG_LEVEL: 'debug' } });
    await this.#machine.sh(
      'for i in $(seq 1200); do resolvectl statistics >/dev/null 2>&1 && exit 0; sleep 0.05; done; resolvectl statistics',
    );
  }

  /** What `resolvectl query` prints, and 0 or 1. */
  async query(...args: string[]): Promise<{ code: number; said: string }> {
    const { code, stdout, stderr } = await this.#machine.run('resolvectl', ['--no-pager', 'query', ...args]);
    return { code, said: stdout + stderr };
  }

  /** Records that it remembers. */
  async cached(): Promise<number> {
    const text = await this.#machine.sh('resolvectl statistics');
    return Number(/Current Cache Size:\s*(\d+)/.exec(text)?.[1] ?? Number.NaN);
  }

  /** How often somebody told this daemon to empty its cache. It does so by itself too, when a link comes or goes. */
  get flushRequests(): number {
    return this.#daemon?.output.match(/cache flush request from client/g)?.length ?? 0;
  }
}
