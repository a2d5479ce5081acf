/** Who Enhanced Mode belonged to and how it was switched, so that a helper that was killed can go on. */
import { z } from 'zod';
import { type DnsMode, dnsModes } from '../contract/config.ts';
import { type Owner, ownerSchema } from '../contract/status.ts';
import type { ProcessIdentity } from '../system/process-identity.ts';
import { readPrivateFile, setAside, writePrivateFile } from './private-file.ts';

export interface RememberedState {
  /** Null when nothing is to be resumed. */
  readonly owner: Owner | null;
  readonly systemDns: boolean;
  readonly autoRoute: boolean;
  /** Chosen instead of the profile's; null = as the profile says. */
  readonly dnsMode: DnsMode | null;
  /** The app that gave a session its last sign of life; null when it is not known. */
  readonly app: ProcessIdentity | null;
}

const initial: RememberedState = { owner: null, systemDns: true, autoRoute: true, dnsMode: null, app: null };

const fileSchema = z.strictObject({
  version: z.literal(1),
  owner: ownerSchema.nullable(),
  systemDns: z.boolean(),
  autoRoute: z.boolean(),
  /** Absent in files of earlier helpers. */
  dnsMode: z.enum(dnsModes).nullable().default(null),
  app: z.strictObject({ pid: z.number().int(), started: z.number() }).nullable().default(null),
  /** A session does not outlive the boot it began in. */
  boot: z.string(),
});

export class OwnerStore {
  readonly #path: string;
  readonly #boot: string;

  /** `boot` names the present boot, `/proc/sys/kernel/random/boot_id` (random(4)). */
  constructor(path: string, boot: string) {
    this.#path = path;
    this.#boot = boot;
  }

  /** What was remembered last; a file that cannot be understood is set aside and means nothing. */
  load(): RememberedState {
    const text = readPrivateFile(this.#path);
    if (text === undefined) return initial;
    const parsed = fileSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      setAside(this.#path);
      return initial;
    }
    const { owner, systemDns, autoRoute, dnsMode, app, boot } = parsed.data;
    const over = owner?.mode === 'session' && boot !== this.#boot;
    return { owner: over ? null : owner, systemDns, autoRoute, dnsMode, app };
  }

  /** On disk when it returns. */
  save(state: RememberedState): void {
    writePrivateFile(this.#path, JSON.stringify({ version: 1, ...state, boot: this.#boot }));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
