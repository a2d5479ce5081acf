/** What becomes another in the effective configuration when one profile takes the place of another: for people, and bounded. */
import { z } from 'zod';

/** Names, rules or items that are told of each kind of change; the others are counted. */
export const maxTold = 10;
/** Keys with another value that are told. */
export const maxKeys = 100;

/** How many there are, and the first of them. */
const someSchema = z.strictObject({ count: z.number().int(), first: z.array(z.string()).max(maxTold) });
export type Some = z.infer<typeof someSchema>;

const changesSchema = z.strictObject({
  added: someSchema,
  removed: someSchema,
  /** Of rules those that stand elsewhere, of all others those with the same name that are otherwise. */
  changed: someSchema,
});
export type Changes = z.infer<typeof changesSchema>;

/** A key as the profile spells it. Of a list what was added and removed; of anything else the values. Never a password. */
const keyChangeSchema = z.union([
  z.strictObject({ key: z.string(), before: z.string(), after: z.string() }),
  z.strictObject({ key: z.string(), added: someSchema, removed: someSchema }),
]);
export type KeyChange = z.infer<typeof keyChangeSchema>;

export const configDiffSchema = z.strictObject({
  rules: changesSchema,
  subRules: changesSchema,
  nodes: changesSchema,
  groups: changesSchema,
  sets: changesSchema,
  keys: z.array(keyChangeSchema).max(maxKeys),
  /** Further keys that are not told. */
  moreKeys: z.number().int(),
});
export type ConfigDiff = z.infer<typeof configDiffSchema>;
