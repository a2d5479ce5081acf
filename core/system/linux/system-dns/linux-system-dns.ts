/** System DNS on Linux: reads the environment, chooses a backend by it, makes it, and lets it apply what is wanted. */
import { SerialQueue } from '../../../base/serial-queue.ts';
import type { ResolverOptions } from '../../../net/resolver-options.ts';
import type { DnsSettings, SystemDns } from '../../system-dns.ts';
import { BaseWatch } from './base-watch.ts';
import {
  chooseSystemDns,
  type DnsBackendKind,
  dnsBackendKinds,
  dnsNoteCodes,
  type SystemDnsChoice,
} from './choose-system-dns.ts';
import { type DnsEnvironment, readDnsEnvironment } from './dns-environment.ts';
import { stateBefore } from './resolv-conf-undo.ts';
import { StaticResolvConf } from './static-resolv-conf.ts';
import type { BackendServices, SystemDnsBackend } from './system-dns-backend.ts';

/** By its kind, which is also that of its records in the undo journal. */
export type DnsBackends = Readonly<Record<DnsBackendKind, (services: BackendServices) => SystemDnsBackend>>;

export const dnsBackends: DnsBackends = {
  'resolv-conf': (services) => new StaticResolvConf(services),
};

export interface LinuxSystemDnsOptions extends Omit<BackendServices, 'serially'> {
  /** `/`; what is looked at besides the file lies below it. */
  readonly root: string;
  /** Others in tests. */
  readonly backends?: DnsBackends;
  readonly choose?: (environment: DnsEnvironment) => SystemDnsChoice;
}

export class LinuxSystemDns implements SystemDns {
  readonly #options: LinuxSystemDnsOptions;
  readonly #queue = new SerialQueue();
  readonly #backends: DnsBackends;
  /** Those that were made, each once. */
  readonly #made = new Map<DnsBackendKind, SystemDnsBackend>();
  #wanted: DnsSettings | undefined;

  constructor(options: LinuxSystemDnsOptions) {
    this.#options = options;
    this.#backends = options.backends ?? dnsBackends;
  }

  apply(wanted: DnsSettings | undefined): Promise<void> {
    return this.#queue.run(async () => {
      this.#wanted = wanted;
      try {
        if (wanted === undefined) {
          this.#clearNotes();
          return await this.#takeBack(undefined);
        }
        const kind = this.#choose(await this.#environment());
        // Of two backends one would take the other's server for what stood there before.
        await this.#takeBack(kind);
        await this.#backend(kind).apply(wanted);
      } catch (error) {
        this.#wanted = undefined;
        this.#clearNotes();
        throw error;
      }
    });
  }

  baseServers(): Promise<string[]> {
    return this.#queue.run(async () => [...(await this.#environment()).base.servers]);
  }

  baseOptions(): Promise<ResolverOptions> {
    return this.#queue.run(async () => (await this.#environment()).base.options);
  }

  baseSearch(): Promise<string[]> {
    return this.#queue.run(async () => [...(await this.#environment()).base.search]);
  }

  onBaseChange(changed: () => void): () => void {
    const { clock, logger, watch } = this.#options;
    const read = () =>
      this.#queue.run(async () => {
        const { files, options, search, servers } = (await this.#environment()).base;
        return { files, said: JSON.stringify([servers, search, options]) };
      });
    const base = new BaseWatch({ watch, clock, logger, read, onChange: changed });
    return () => base.stop();
  }

  /** How the machine would be without us. */
  async #environment(): Promise<DnsEnvironment> {
    const { file, journal, root } = this.#options;
    const before = stateBefore(await file.read(), journal.of('resolv-conf')[0], this.#wanted?.server ?? '');
    const own = dnsBackendKinds.flatMap((kind) => journal.of(kind).flatMap(({ ours }) => ours.servers));
    return await readDnsEnvironment(before, { path: file.path, root, own });
  }

  #choose(environment: DnsEnvironment): DnsBackendKind {
    const { health, logger } = this.#options;
    const { kind, notes, why } = (this.#options.choose ?? chooseSystemDns)(environment);
    logger.info('system DNS', {
      kind,
      why,
      resolvConf: environment.resolvConf,
      nameservers: environment.nameservers.join(','),
      resolved: environment.resolvedRuns,
      networkManager: environment.networkManagerRuns,
      writtenBy: environment.writtenBy,
      hosts: environment.hostSources.join(','),
    });
    this.#clearNotes();
    for (const note of notes) health.raise(note);
    return kind;
  }

  /** By every backend but one, this process's or an earlier one's. */
  async #takeBack(except: DnsBackendKind | undefined): Promise<void> {
    for (const kind of dnsBackendKinds) {
      if (kind === except) continue;
      if (this.#made.has(kind) || this.#options.journal.of(kind).length > 0) await this.#backend(kind).apply(undefined);
    }
  }

  #backend(kind: DnsBackendKind): SystemDnsBackend {
    const made = this.#made.get(kind) ?? this.#backends[kind](this.#services());
    this.#made.set(kind, made);
    return made;
  }

  #services(): BackendServices {
    return { ...this.#options, serially: (task) => this.#queue.run(task) };
  }

  #clearNotes(): void {
    for (const code of dnsNoteCodes) this.#options.health.clear(code);
  }
}
