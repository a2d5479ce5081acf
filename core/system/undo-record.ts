/** The records of the undo journal: one per change of the machine's network, with what was there before and what we put. */
import { z } from 'zod';

const common = {
  id: z.string(),
  /** For people: what was changed, and where. */
  what: z.string(),
  where: z.string(),
  /** Unix time in milliseconds. */
  since: z.number(),
};
/** One rule or route as the words that `ip rule add` / `ip route add ... table T` take; nothing was there before. */
const routeEntry = z.strictObject({ family: z.union([z.literal(4), z.literal(6)]), text: z.string() });

/** A resolver configuration as it lies on disk. Content is latin1, so that every byte survives. */
export const resolvConfStateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('missing') }),
  z.strictObject({
    kind: z.literal('file'),
    content: z.string(),
    mode: z.number().int(),
    uid: z.number().int(),
    gid: z.number().int(),
  }),
  /** `content` is what the link led to when it was read; null when it led nowhere. */
  z.strictObject({ kind: z.literal('link'), target: z.string(), content: z.string().nullable() }),
]);
export type ResolvConfState = z.infer<typeof resolvConfStateSchema>;

export const undoRecordSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ip-rule'), ...common, previous: z.null(), ours: routeEntry }),
  z.strictObject({ kind: z.literal('ip-route'), ...common, previous: z.null(), ours: routeEntry }),
  z.strictObject({
    kind: z.literal('nft-table'),
    ...common,
    previous: z.null(),
    ours: z.strictObject({ table: z.literal('mirage_strict') }),
  }),
  z.strictObject({
    kind: z.literal('resolv-conf'),
    ...common,
    previous: resolvConfStateSchema,
    /** `servers` also has those of earlier contents, so that a death between two of them is understood. */
    ours: z.strictObject({ content: z.string(), servers: z.array(z.string()).min(1) }),
  }),
]);
export type UndoRecord = z.infer<typeof undoRecordSchema>;
export type UndoKind = UndoRecord['kind'];
export type UndoRecordOf<K extends UndoKind> = Extract<UndoRecord, { kind: K }>;

/** A record before the journal has given it its id and time. */
export type NewUndoRecord = { [K in UndoKind]: Omit<UndoRecordOf<K>, 'id' | 'since'> }[UndoKind];

/** Takes back the changes of one kind: compares first, and leaves alone what no longer holds our value. */
export type Undoers = { readonly [K in UndoKind]: (records: readonly UndoRecordOf<K>[]) => Promise<void> };

/** DNS first, so that no name is answered by a server whose address is no longer routed. A kind without a place does not compile. */
const places: Readonly<Record<UndoKind, number>> = { 'resolv-conf': 0, 'nft-table': 1, 'ip-rule': 2, 'ip-route': 3 };
/** The order in which they are taken back. */
export const undoOrder: readonly UndoKind[] = undoRecordSchema.options
  .map(({ shape }) => shape.kind.value)
  .toSorted((a, b) => places[a] - places[b]);
