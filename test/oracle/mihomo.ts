/** The real mihomo with a profile: what it decided about connections, by its own log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { peerFile } from '../support/peers.ts';
import { freePort, tcpClient } from './clients.ts';

/** Undefined when it takes longer. */
function within<T>(ms: number, result: Promise<T>): Promise<T | undefined> {
  return Promise.race([result, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ms))]);
}

/** Files as mihomo names them, and where they come from. */
export const geodata = {
  'geoip.metadb': 'country.mmdb',
  'ASN.mmdb': 'ASN.mmdb',
  'GeoSite.dat': 'geosite.dat',
  'GeoIP.dat': 'geoip.dat',
} as const;

export interface Decided {
  /** Rule and payload in its words: `DomainSuffix(example.com)`; empty where no rule matched. */
  readonly rule: string;
  /** Where it led, outermost group first: `group[proxy]`. */
  readonly chain: string;
  /** Whose it was, where mihomo has looked and found it. */
  readonly program: string;
}

export class Mihomo {
  readonly #directory = mkdtempSync(join(tmpdir(), 'mirage-oracle-'));
  readonly #decided = new Map<string, Decided>();
  readonly #waiting = new Map<string, (decided: Decided) => void>();
  readonly lines: string[] = [];
  #child: ChildProcess | undefined;

  static get program(): string | undefined {
    return peerFile('bin/mihomo');
  }

  /**
   * Writes its profile for a free port and starts it. Resolves with the port once it decides about connections; rejects with what it
   * says when it does not take the profile.
   */
  async start(profileOf: (mixedPort: number) => string): Promise<number> {
    for (const [name, file] of Object.entries(geodata)) {
      const path = peerFile(`geodata/${file}`);
      if (path !== undefined) symlinkSync(path, join(this.#directory, name));
    }
    const port = await freePort();
    const file = join(this.#directory, 'profile.yaml');
    writeFileSync(file, profileOf(port));
    const child = spawn(Mihomo.program ?? 'mihomo', ['-d', this.#directory, '-f', file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#read(line);
    });
    const failed = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(this.lines.join('\n'))));
    });
    await Promise.race([failed, this.#decides(port)]);
    failed.catch(() => undefined);
    return port;
  }

  /** It takes connections before it decides about them, and forgets those. */
  async #decides(port: number): Promise<void> {
    for (;;) {
      const probe = await tcpClient(port, 'HTTPS', { host: 'probe.invalid', port: 1 }).catch(() => undefined);
      const decided = probe === undefined ? undefined : await within(2_000, this.#decisionOf(`TCP ${probe.port}`));
      probe?.close();
      if (decided !== undefined) return;
      await within(50, new Promise(() => undefined));
    }
  }

  /** What became of the connection from this port of the client; undefined when nothing is said of it. */
  decision(network: 'TCP' | 'UDP', port: number): Promise<Decided | undefined> {
    return within(15_000, this.#decisionOf(`${network} ${port}`));
  }

  stop(): void {
    this.#child?.removeAllListeners('exit');
    this.#child?.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #decisionOf(key: string): Promise<Decided> {
    const known = this.#decided.get(key);
    this.#decided.delete(key);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.set(key, resolve));
  }

  #read(line: string): void {
    const match =
      /\[(TCP|UDP)\] 127\.0\.0\.1:(\d+)(?:\(([^)]*)\))? --> \S+ (?:match (.*) using|(doesn't match any rule) using) (.*?)\\?"?$/.exec(
        line,
      ) ?? undefined;
    if (match === undefined) return;
    const [, network = '', port = '', program = '', rule = '', , chain = ''] = match;
    const decided = { rule, chain, program };
    const key = `${network} ${port}`;
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (waiting === undefined) this.#decided.set(key, decided);
    else waiting(decided);
  }
}
