/**
 * What a window (Electron) or a browser tab may ask of the app process: the renderer knows this and nothing else.
 * Both homes implement `MirageBridge`; most calls pass through to the helper as they are.
 */
import { z } from 'zod';
import { configProblemSchema, type ErrorData, errorDataSchema } from './error.ts';
import {
  overrideStates,
  profileParts,
  profilePreviewSchema,
  profileTextsSchema,
  profileTrialSchema,
} from './profile-editing.ts';
import {
  chosenFileSchema,
  maxAddress,
  maxProfileBytes,
  profileNameSchema,
  profileOfferSchema,
  profileOriginSchema,
  recognisedSchema,
} from './profile-import.ts';
import { progressSchema, providerKinds, providerRowSchema, subscriptionInfoSchema } from './providers.ts';
import {
  type EventData,
  methods,
  type Row,
  relayedMethods,
  type SubscribeOptions,
  type TopicBatch,
  type TopicName,
} from './rpc.ts';
import { rulePlaces } from './rule-places.ts';

export const helperLinkSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('connecting') }),
  z.strictObject({ kind: z.literal('connected') }),
  z.strictObject({ kind: z.literal('failed'), error: errorDataSchema }),
]);
/** Whether the app process reaches the helper. */
export type HelperLink = z.infer<typeof helperLinkSchema>;

/** What a profile comes from. */
export const profileSourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), path: z.string() }),
  /** `path` is where the last version is kept. The whole address is a secret: `address` is what of it may be shown. */
  z.strictObject({ kind: z.literal('url'), address: z.string(), path: z.string() }),
  /** Was handed over as a text (dropped, pasted, read off a picture): `path` is all there is of it. */
  z.strictObject({ kind: z.literal('text'), path: z.string() }),
]);
export type ProfileSource = z.infer<typeof profileSourceSchema>;

/** Unix milliseconds, and seconds between two looks (0 = only when asked to). `error`: why the last one came to nothing. */
export const subscriptionSchema = z.strictObject({
  /** When the version that is there came, when it was last looked for another, and when it is next; null = when somebody asks. */
  updatedAt: z.number(),
  checkedAt: z.number(),
  nextAt: z.number().nullable(),
  interval: z.number().int(),
  info: subscriptionInfoSchema.optional(),
  error: errorDataSchema.optional(),
});

export const profileEntrySchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  source: profileSourceSchema,
  /** In use; at most one is. */
  active: z.boolean(),
  /** Of one that comes from an address. */
  subscription: subscriptionSchema.optional(),
  /** There is something of the person's own to be merged on top; `off`: it is not, for now. */
  override: z.enum(overrideStates).optional(),
  /** It is being downloaded anew. */
  updating: progressSchema.optional(),
});
export type ProfileEntry = z.infer<typeof profileEntrySchema>;

export const profileStates = ['pending', 'applied', 'refused'] as const;

/** `pending`: the helper is not reached yet, or another user has it. `refused`: another configuration is in force instead. */
export const profileInfoSchema = z.strictObject({
  path: z.string(),
  problems: z.array(configProblemSchema),
  state: z.enum(profileStates),
  /** Why it was refused. */
  error: errorDataSchema.optional(),
  /** Of when the version is that is applied instead of a refused one, Unix milliseconds. */
  lastGood: z.number().optional(),
});
export type ProfileInfo = z.infer<typeof profileInfoSchema>;

export const appInfoSchema = z.strictObject({
  version: z.string(),
  home: z.enum(['electron', 'browser']),
  platform: z.string(),
  /** Where the profile was read from; null = built-in default, everything DIRECT. */
  profile: profileInfoSchema.nullable(),
  /** All that can be switched to. */
  profiles: z.array(profileEntrySchema),
  /** What the profile in use names and does not contain. */
  providers: z.array(providerRowSchema).optional(),
  /** A profile is being brought into force: its rule sets that the helper has been given, of how many that it did not have. */
  applying: z.strictObject({ sets: z.number().int(), of: z.number().int() }).optional(),
  /** A profile is being downloaded to be added. */
  adding: progressSchema.optional(),
  /** A link from outside asks for a profile; it waits for `addProfile` with its address, or `dismissOffer`. Later ones come after it. */
  offer: profileOfferSchema.optional(),
  /** How many come after it; absent = none. */
  moreOffers: z.number().int().optional(),
  /** How the command line is called on this machine, for texts that name a command. */
  cli: z.string(),
  /** The command that gives the network back without the helper; null where it is not installed. */
  offlineRestore: z.string().nullable(),
});
export type AppInfo = z.infer<typeof appInfoSchema>;

const profileId = z.string().max(100);
const profileTextChange = { id: profileId, part: z.enum(profileParts), text: z.string().max(maxProfileBytes) };
const oneProvider = z.strictObject({ name: z.string().max(255).optional(), kind: z.enum(providerKinds).optional() });

/** What the app process does itself. `setEnhanced` from a viewer is always a session. */
const ownMethods = {
  setEnhanced: { params: z.strictObject({ on: z.boolean() }), result: methods.setEnhanced.result },
  restore: methods.restore,
  getAppInfo: { params: z.strictObject({}), result: appInfoSchema },
  /** The language that the window speaks: the tray follows it. */
  setLanguage: { params: z.strictObject({ language: z.enum(['en', 'zh-CN']) }), result: z.strictObject({}) },
  /** Reads the profile file again and applies it; answers its problems. */
  reloadProfile: { params: z.strictObject({}), result: appInfoSchema },
  /**
   * The line of the profile in use where each rule in force stands, in the order of the rules; negative: of its override. Empty
   * while another configuration is in force.
   */
  ruleLines: { params: z.strictObject({}), result: z.strictObject({ lines: z.array(z.number().int()) }) },
  /** Chooses the profile in use, by id, and applies it; open flows stay. */
  useProfile: { params: z.strictObject({ id: profileId }), result: appInfoSchema },
  /** Ends what brings a profile into force; what was in force before stays, and its profile is in use again. */
  cancelApply: { params: z.strictObject({}), result: appInfoSchema },
  /** What a text that was handed over is. Fetches nothing, changes nothing. */
  recognise: { params: z.strictObject({ text: z.string().max(maxProfileBytes) }), result: recognisedSchema },
  /** Lets the person choose a file, where the app has a screen (`home: electron`); null = none was chosen. */
  chooseFile: { params: z.strictObject({}), result: z.strictObject({ file: chosenFileSchema.nullable() }) },
  /**
   * Adds a profile to the list, under its own name without `name`; the first one is in use at once. Nothing is added when it cannot
   * be had or used. One at a time: RPC_BUSY.
   */
  addProfile: {
    params: z.strictObject({ from: profileOriginSchema, name: profileNameSchema.optional() }),
    result: z.strictObject({ added: z.string(), info: appInfoSchema }),
  },
  /** Says no to the link with this address, whichever is being shown by now. */
  dismissOffer: { params: z.strictObject({ url: z.string().max(maxAddress) }), result: appInfoSchema },
  /** Downloads a profile anew, by id; a version that cannot be used changes nothing. Without `id` all; their entries tell what came of it. */
  updateProfile: {
    /** `looked`: the version that `previewProfile` has shown, without another download. PROFILE_CHANGED when that is not there any more. */
    params: z.strictObject({ id: profileId.optional(), looked: z.string().max(100).optional() }),
    result: appInfoSchema,
  },
  /** Downloads a profile and tells what it would change; it is kept aside for `updateProfile`. `looked` is null: nothing is new. */
  previewProfile: {
    params: z.strictObject({ id: profileId }),
    result: z.strictObject({ ...profilePreviewSchema.shape, looked: z.string().max(100).nullable() }),
  },
  /** The texts of a profile, by id; both may hold secrets. */
  getProfileTexts: { params: z.strictObject({ id: profileId }), result: profileTextsSchema },
  /** What would come of a profile if one of its texts were this; nothing is kept. `compare`: what would change is told, too. */
  tryProfileText: {
    params: z.strictObject({ ...profileTextChange, compare: z.boolean() }),
    result: profileTrialSchema,
  },
  /**
   * Keeps a text of a profile and applies it if it is in use. `version` is that of the text which was changed. CONFIG_*,
   * PROFILE_CHANGED, PROFILE_READ_ONLY, and what the helper has against it: nothing is kept then. `unusable`: it is kept even so, and
   * the version in force stays.
   */
  saveProfileText: {
    params: z.strictObject({
      ...profileTextChange,
      version: z.string().max(100),
      unusable: z.literal(true).optional(),
    }),
    result: appInfoSchema,
  },
  /** Merges the override of a profile, or leaves it aside; it stays as it is. Rejects as `saveProfileText` does. */
  switchOverride: { params: z.strictObject({ id: profileId, on: z.boolean() }), result: appInfoSchema },
  /** What the override of a profile changes, or would if it were on. */
  previewOverride: { params: z.strictObject({ id: profileId }), result: profilePreviewSchema },
  /** Writes a rule into the override of a profile, whose comments stay, and applies it. Rejects as `saveProfileText` does. */
  addRule: {
    params: z.strictObject({ id: profileId, rule: z.string().max(16_384), place: z.enum(rulePlaces) }),
    result: appInfoSchema,
  },
  renameProfile: { params: z.strictObject({ id: profileId, name: profileNameSchema }), result: appInfoSchema },
  /** Takes a profile out of the list; a file of the person's own stays where it is. */
  removeProfile: { params: z.strictObject({ id: profileId }), result: appInfoSchema },
  /** Ends downloads of profiles that are under way: of one that is added, of one that is updated, or of all. */
  stopProfiles: {
    params: z.strictObject({ what: z.enum(['adding', 'updating', 'all']), id: profileId.optional() }),
    result: z.strictObject({}),
  },
  /** Looks now for what is new at the addresses of a provider, or of all; answers when that is done, whatever came of it. */
  updateProviders: { params: oneProvider, result: appInfoSchema },
  /** Ends such looks; what is there stays. */
  stopProviders: { params: oneProvider, result: z.strictObject({}) },
} as const;

/** What a viewer may call: the app's own methods, and the helper's that go through it as they are. */
export const appMethods = { ...relayedMethods, ...ownMethods } as const;

export type OwnMethodName = keyof typeof ownMethods;
export type AppMethodName = keyof typeof appMethods;
export type AppParams<M extends AppMethodName> = z.infer<(typeof appMethods)[M]['params']>;
export type AppResult<M extends AppMethodName> = z.infer<(typeof appMethods)[M]['result']>;

/** Pushed to every viewer; the first of each comes at once after connecting. */
export interface AppEvents {
  link: HelperLink;
  /** Also whenever it changes: a profile was read, applied or refused. */
  info: AppInfo;
  snapshot: EventData<'snapshot'>;
  traffic: EventData<'traffic'>;
}

export type Unsubscribe = () => void;

/** Rejections carry `ErrorData`. */
export interface MirageBridge {
  call<M extends AppMethodName>(method: M, params: AppParams<M>): Promise<AppResult<M>>;
  on<E extends keyof AppEvents>(event: E, handler: (data: AppEvents[E]) => void): Unsubscribe;
  /**
   * Batches of a table until unsubscribed; resubscribes by itself after a gap or a reconnect (seen as `reset: true`).
   * `onRefused` hears each refusal of the helper: RPC_BUSY is tried again by itself, others stand until the helper is
   * another one, or until somebody subscribes anew.
   */
  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): Unsubscribe;
}

export type { Row, TopicBatch, TopicName };
