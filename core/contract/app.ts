/**
 * What a window (Electron) or a browser tab may ask of the app process: the renderer knows this and nothing else.
 * Both homes implement `MirageBridge`; most calls pass through to the helper as they are.
 */
import { z } from 'zod';
import { configProblemSchema, type ErrorData, errorDataSchema } from './error.ts';
import { type EventData, methods, type Row, type SubscribeOptions, type TopicBatch, type TopicName } from './rpc.ts';

export const helperLinkSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('connecting') }),
  z.strictObject({ kind: z.literal('connected') }),
  z.strictObject({ kind: z.literal('failed'), error: errorDataSchema }),
]);
/** Whether the app process reaches the helper. */
export type HelperLink = z.infer<typeof helperLinkSchema>;

export const appInfoSchema = z.strictObject({
  version: z.string(),
  home: z.enum(['electron', 'browser']),
  platform: z.string(),
  /** Where the profile was read from; null = built-in default, everything DIRECT. */
  profile: z.strictObject({ path: z.string(), problems: z.array(configProblemSchema) }).nullable(),
});
export type AppInfo = z.infer<typeof appInfoSchema>;

/** The helper's methods that a viewer may call, and the app's own. `setEnhanced` from a viewer is always a session. */
export const appMethods = {
  getSnapshot: methods.getSnapshot,
  setEnhanced: { params: z.strictObject({ on: z.boolean() }), result: methods.setEnhanced.result },
  setSwitches: methods.setSwitches,
  listRules: methods.listRules,
  closeFlows: methods.closeFlows,
  testRule: methods.testRule,
  dnsQuery: methods.dnsQuery,
  flushDnsCache: methods.flushDnsCache,
  flushFakeIp: methods.flushFakeIp,
  changeMappings: methods.changeMappings,
  restore: methods.restore,
  getAppInfo: { params: z.strictObject({}), result: appInfoSchema },
  /** Reads the profile file again and applies it; answers its problems. */
  reloadProfile: { params: z.strictObject({}), result: appInfoSchema },
} as const;

export type AppMethodName = keyof typeof appMethods;
export type AppParams<M extends AppMethodName> = z.infer<(typeof appMethods)[M]['params']>;
export type AppResult<M extends AppMethodName> = z.infer<(typeof appMethods)[M]['result']>;

/** Pushed to every viewer; the first of each comes at once after connecting. */
export interface AppEvents {
  link: HelperLink;
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
