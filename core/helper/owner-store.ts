/** Who Enhanced Mode belonged to and how each user has switched it, so that a helper that was killed can go on. */
import { rmSync } from 'node:fs';
import { z } from 'zod';
import { replaceFile } from '../base/replace-file.ts';
import { policyModes } from '../contract/config.ts';
import { dnsModes } from '../contract/dns-config.ts';
import { type Owner, ownerSchema } from '../contract/status.ts';
import type { ProcessIdentity } from '../system/process-identity.ts';
import { readPrivateFile, setAside } from './private-file.ts';

const switchesSchema = z.strictObject({
  systemDns: z.boolean(),
  autoRoute: z.boolean(),
  /** Chosen instead of the profile's; null = as the profile says. */
  dnsMode: z.enum(dnsModes).nullable(),
  /** The same of who decides about flows; absent in files of earlier helpers. */
  mode: z.enum(policyModes).nullable().default(null),
});
/** What a user has chosen for their Enhanced Mode, and nobody else's. */
export type UserSwitches = z.infer<typeof switchesSchema>;

export const initialSwitches: UserSwitches = { systemDns: true, autoRoute: true, dnsMode: null, mode: null };

export interface RememberedState {
  /** Null when nothing is to be resumed. */
  readonly owner: Owner | null;
  readonly switches: ReadonlyMap<number, UserSwitches>;
  /** The app that gave a session its last sign of life; null when it is not known. */
  readonly app: ProcessIdentity | null;
}

const fileSchema = z.strictObject({
  version: z.literal(1),
  owner: ownerSchema.nullable(),
  /** By uid. */
  users: z.record(z.string().regex(/^\d{1,10}$/), switchesSchema).default({}),
  /** Earlier helpers had one set of switches for everybody, and the first of them no mode. It is the owner's. */
  systemDns: z.boolean().optional(),
  autoRoute: z.boolean().optional(),
  dnsMode: z.enum(dnsModes).nullable().optional(),
  /** Absent in files of earlier helpers. */
  app: z.strictObject({ pid: z.number().int(), started: z.number() }).nullable().default(null),
  /** A session does not outlive the boot it began in. */
  boot: z.string(),
});

export class OwnerStore {
  readonly #path: string;
  readonly #boot: string;

  /** `boot` names the present boot (`OperatingSystem.bootId`). */
  constructor(path: string, boot: string) {
    this.#path = path;
    this.#boot = boot;
  }

  /** What was remembered last; a file that cannot be understood is set aside and means nothing. */
  load(): RememberedState {
    const text = readPrivateFile(this.#path);
    if (text === undefined) return nothing();
    const parsed = fileSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      setAside(this.#path);
      return nothing();
    }
    const { owner, users, app, boot, systemDns, autoRoute, dnsMode = null } = parsed.data;
    const switches = new Map(Object.entries(users).map(([uid, chosen]) => [Number(uid), chosen]));
    if (owner !== null && systemDns !== undefined && autoRoute !== undefined)
      switches.set(owner.uid, { systemDns, autoRoute, dnsMode, mode: null });
    const over = owner?.mode === 'session' && boot !== this.#boot;
    return { owner: over ? null : owner, switches, app };
  }

  /**
   * Nobody is to be resumed by the next helper, for somebody has taken the network back without this one. Where there is no room
   * to write, the whole file goes, with what users have switched. Throws when it can be neither written nor removed.
   */
  forgetOwner(): void {
    const { owner, switches } = this.load();
    if (owner === null) return;
    try {
      this.save({ owner: null, switches, app: null });
    } catch {
      rmSync(this.#path, { force: true });
    }
  }

  /** On disk when it returns. */
  save({ owner, switches, app }: RememberedState): void {
    const users = Object.fromEntries(switches);
    replaceFile(this.#path, JSON.stringify({ version: 1, owner, users, app, boot: this.#boot }));
  }
}

function nothing(): RememberedState {
  return { owner: null, switches: new Map(), app: null };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
