/**
 * Finds who still asks our DNS server when it is gone: containers get a copy of resolv.conf when they start, which nobody
 * changes when ours is taken back. Reads /proc only (proc(5), mount_namespaces(7)); enters no namespace.
 *
 * What lies below /proc/PID/root may be anything: a link into our own root, a FIFO, a FUSE mount that never answers. So nothing of a
 * user namespace that is not ours is touched (any user can make one), no link is followed, and a program of its own reads: one
 * that never comes back costs nobody a thread.
 */
import fs from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { type Cidr, cidrContains } from '../../base/cidr.ts';
import type { Clock } from '../../base/clock.ts';
import { within } from '../../base/deadline.ts';
import type { CommandRunner } from '../command-runner.ts';
import { nameserversOf } from './system-dns/resolv-conf-text.ts';

/** Told at most; a machine with more has other means to see them. */
const most = 32;
/** Processes looked at before others get their turn. */
const atOnce = 100;
/** Readers at once, bytes each reads, and milliseconds until it is given up. */
const reader = { atOnce: 8, bytes: 64 * 1024, timeoutMs: 1_000 } as const;
/** Namespaces whose files did not come in time are not asked again; after so many nobody is. */
const mostSilent = 16;

interface Candidate {
  readonly pid: string;
  readonly namespace: string;
}

export class StrandedResolvers {
  readonly #runner: CommandRunner;
  readonly #clock: Clock;
  readonly #proc: string;
  readonly #silent = new Set<string>();

  constructor(runner: CommandRunner, clock: Clock, proc = '/proc') {
    this.#runner = runner;
    this.#clock = clock;
    this.#proc = proc;
  }

  /** Names of those whose resolv.conf names a server inside one of these prefixes, sorted; each mount namespace once. */
  async find(prefixes: readonly Cidr[]): Promise<string[]> {
    const candidates = await this.#candidates();
    const names = new Set<string>();
    for (let i = 0; i < candidates.length && names.size < most; i += reader.atOnce) {
      const found = await Promise.all(
        candidates.slice(i, i + reader.atOnce).map(async (each) => {
          const servers = nameserversOf(await this.#read(each, 'resolv.conf')).map((text) => text.replace(/%.*/, ''));
          const asksUs = servers.some((server) => prefixes.some((prefix) => cidrContains(prefix, server)));
          return asksUs ? await this.#nameOf(each) : undefined;
        }),
      );
      for (const name of found) if (name !== undefined && names.size < most) names.add(name);
    }
    return [...names].toSorted();
  }

  /** One process of each mount namespace that may be a container's. */
  async #candidates(): Promise<Candidate[]> {
    const own = { mnt: this.#of('self', 'mnt'), net: this.#of('self', 'net'), pid: this.#of('self', 'pid') };
    const user = this.#of('self', 'user');
    const seen = new Set([own.mnt]);
    const candidates: Candidate[] = [];
    let looked = 0;
    for (const pid of fs.readdirSync(this.#proc)) {
      if (!/^\d+$/.test(pid)) continue;
      if (++looked % atOnce === 0) await breathe();
      const namespace = this.#of(pid, 'mnt');
      if (namespace === undefined || seen.has(namespace)) continue;
      seen.add(namespace);
      // A network of its own without processes of its own is no container but a test bench: it may ask another machine's server.
      const isBench = this.#of(pid, 'net') !== own.net && this.#of(pid, 'pid') === own.pid;
      if (!isBench && this.#of(pid, 'user') === user) candidates.push({ pid, namespace });
    }
    return candidates;
  }

  /** A container's host name and the identifier that its manager shows; of anything else the program. */
  async #nameOf(candidate: Candidate): Promise<string> {
    const { pid } = candidate;
    const id = /(?:^|[-/:])([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/m.exec(this.#about(pid, 'cgroup'))?.[1];
    if (id === undefined) return `${printable(this.#about(pid, 'comm').trim())} (process ${pid})`;
    const hostname = printable((await this.#read(candidate, 'hostname')).split('\n')[0] ?? '');
    return hostname === '' || hostname === id ? id : `${hostname} (${id})`;
  }

  #of(pid: string, kind: 'mnt' | 'net' | 'pid' | 'user'): string | undefined {
    try {
      return fs.readlinkSync(`${this.#proc}/${pid}/ns/${kind}`);
    } catch {
      return undefined;
    }
  }

  /** What the kernel says of a process. */
  #about(pid: string, file: 'cgroup' | 'comm'): string {
    try {
      return fs.readFileSync(`${this.#proc}/${pid}/${file}`, 'latin1');
    } catch {
      return '';
    }
  }

  /** A file of its /etc; empty when it cannot be read in time, or it or /etc is a link: an absolute one would lead into our own root. */
  async #read({ pid, namespace }: Candidate, name: string): Promise<string> {
    if (this.#silent.has(namespace) || this.#silent.size >= mostSilent) return '';
    const search = [`${this.#proc}/${pid}/root/etc`, '-maxdepth', '1', '-name', name, '-type', 'f'];
    const dd = ['dd', 'if={}', 'iflag=nofollow,nonblock', `bs=${reader.bytes}`, 'count=1', 'status=none'];
    const { timeoutMs } = reader;
    const text = this.#runner.run('find', ['-P', ...search, '-execdir', ...dd, ';'], { timeoutMs }).then(
      ({ stdout }) => stdout,
      () => '',
    );
    // Not even a killed program ends while it waits for a file system (uninterruptible sleep).
    const read = await within(this.#clock, timeoutMs, text, () => undefined);
    if (read === undefined) this.#silent.add(namespace);
    return read ?? '';
  }
}

/** What others have named is shown to people. */
function printable(text: string): string {
  return text.replaceAll(/[^\w.:-]/g, '').slice(0, 64);
}
