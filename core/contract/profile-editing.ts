/** How a profile is changed by hand: its own text, and the override that lies on top of it. */
import { z } from 'zod';
import { configDiffSchema } from './config-diff.ts';
import { configProblemSchema } from './error.ts';

/** Bytes (UTF-8) of an override. */
export const maxOverrideBytes = 1024 * 1024;

export const profileParts = ['source', 'override'] as const;
/** `source` is the profile's own text; of one that was downloaded it is the server's, and not changed here. */
export type ProfilePart = (typeof profileParts)[number];

const partTextSchema = z.strictObject({
  text: z.string(),
  /** Says whether it is still this text: a hash. */
  version: z.string().max(100),
  editable: z.boolean(),
});

/** The texts of a profile; one without an override has an empty one. Both may hold secrets. */
export const profileTextsSchema = z.strictObject({ source: partTextSchema, override: partTextSchema });
export type ProfileTexts = z.infer<typeof profileTextsSchema>;

/** What would come of a profile with one of its texts changed. */
export const profileTrialSchema = z.strictObject({
  /** Whether it could be used. */
  valid: z.boolean(),
  problems: z.array(configProblemSchema),
  /** To the profile as it is now; null where one of the two cannot be used, or nobody asked. */
  diff: configDiffSchema.nullable(),
});
export type ProfileTrial = z.infer<typeof profileTrialSchema>;
