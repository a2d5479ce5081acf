/** The envelopes that travel on the control socket. What is inside (`params`, rows) is checked elsewhere, by the contract. */
import { z } from 'zod';
import { type ErrorData, errorDataSchema } from '../contract/error.ts';
import type { EventData, EventName, MethodName, TopicBatch, TopicName } from '../contract/rpc.ts';
import { methods, subscribeOptionsSchema, topics } from '../contract/rpc.ts';

const id = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const name = z.string().min(1).max(64);

/** First in both directions. Loose, so that a later major can still be told apart from nonsense. */
export const helloSchema = z.object({
  kind: z.literal('hello'),
  protocol: z.object({ major: z.number().int(), minor: z.number().int() }),
  version: z.string().max(100),
});
export type Hello = z.infer<typeof helloSchema>;

/** What a client may send after its hello. `id` is the client's choice, unique among what is outstanding. */
export const clientMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('request'), id, method: name, params: z.unknown().optional() }),
  z.strictObject({ kind: z.literal('subscribe'), id, topic: name, options: subscribeOptionsSchema }),
  z.strictObject({ kind: z.literal('unsubscribe'), id }),
]);
export type ClientMessage = z.infer<typeof clientMessageSchema>;

/** What the server sends. `refused` is its last word; the connection ends after it. */
export type ServerMessage =
  | Hello
  | { kind: 'refused'; error: ErrorData }
  | { kind: 'response'; id: number; result: unknown }
  | { kind: 'response'; id: number; error: ErrorData }
  | { kind: 'event'; event: EventName; data: EventData<EventName> }
  | { kind: 'batch'; id: number; batch: TopicBatch };

/** The same as a client reads it: envelope only, for the server is root's and a check of each row would cost more than it tells. */
export const serverMessageSchema = z.discriminatedUnion('kind', [
  helloSchema,
  z.object({ kind: z.literal('refused'), error: z.unknown() }),
  z.object({ kind: z.literal('response'), id, result: z.unknown().optional(), error: z.unknown().optional() }),
  z.object({ kind: z.literal('event'), event: name, data: z.unknown() }),
  z.object({ kind: z.literal('batch'), id, batch: z.unknown() }),
]);

/** An error as a peer sent it; one of a later version, whose code is unknown here, becomes INTERNAL with its message. */
export function readErrorData(received: unknown): ErrorData {
  const parsed = errorDataSchema.safeParse(received);
  if (parsed.success) return parsed.data;
  const loose = z.object({ message: z.string() }).safeParse(received);
  return {
    code: 'INTERNAL',
    message: loose.success ? loose.data.message : 'the helper answered with an error that cannot be read',
  };
}

export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

export function isTopic(name: string): name is TopicName {
  return Object.hasOwn(topics, name);
}
