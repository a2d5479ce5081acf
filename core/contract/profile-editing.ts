/** How a profile is changed by hand: its own text, and the override that lies on top of it. */
import { z } from 'zod';
import { configDiffSchema } from './config-diff.ts';
import { configProblemSchema } from './error.ts';

/** Bytes (UTF-8) of an override. */
export const maxOverrideBytes = 1024 * 1024;
/** Lines of a comparison that are told, and characters of one. */
export const maxDiffLines = 400;
export const maxDiffText = 300;
/** Names of a kind that are told for completion. */
export const maxKnownNames = 5000;

export const profileParts = ['source', 'override'] as const;
/** `source` is the profile's own text; of one that was downloaded it is the server's, and not changed here. */
export type ProfilePart = (typeof profileParts)[number];

export const overrideStates = ['on', 'off'] as const;

const partTextSchema = z.strictObject({
  text: z.string(),
  /** Says whether it is still this text: a hash. */
  version: z.string().max(100),
  editable: z.boolean(),
});

/** The texts of a profile; one without an override has an empty one. Both may hold secrets. */
export const profileTextsSchema = z.strictObject({ source: partTextSchema, override: partTextSchema });
export type ProfileTexts = z.infer<typeof profileTextsSchema>;

const names = z.array(z.string()).max(maxKnownNames);
/** What a profile calls its things, for completion. */
export const knownNamesSchema = z.strictObject({
  /** Nodes, groups, and the built-in ones. */
  policies: names,
  ruleProviders: names,
  proxyProviders: names,
  subRules: names,
});
export type KnownNames = z.infer<typeof knownNamesSchema>;

const textLineSchema = z.strictObject({
  kind: z.enum(['same', 'added', 'removed']),
  text: z.string(),
  /** From 1: in the text of before for one that was removed, else in that of afterwards. */
  line: z.number().int(),
});
export type TextLine = z.infer<typeof textLineSchema>;

/** What became of the lines of a text; those far from a change are left out, which their numbers show. */
export const lineDiffSchema = z.strictObject({
  added: z.number().int(),
  removed: z.number().int(),
  lines: z.array(textLineSchema).max(maxDiffLines),
  /** Further lines that are not told. */
  more: z.number().int(),
});
export type LineDiff = z.infer<typeof lineDiffSchema>;

/** What would come of a profile with one of its texts changed. */
export const profileTrialSchema = z.strictObject({
  /** Whether it could be used. */
  valid: z.boolean(),
  problems: z.array(configProblemSchema),
  /** To the profile as it is now; null where one of the two cannot be used, or nobody asked. */
  diff: configDiffSchema.nullable(),
  /** The text beside the one that is kept; null where nobody asked. */
  lines: lineDiffSchema.nullable(),
  /** Of the text that is kept: another than it was read with says that somebody has changed it since. */
  version: z.string().max(100),
  /** Null where it cannot be used. */
  names: knownNamesSchema.nullable(),
});
export type ProfileTrial = z.infer<typeof profileTrialSchema>;

/** What an override changes, or a new version would; null where one of the two cannot be used. */
export const profilePreviewSchema = z.strictObject({
  diff: configDiffSchema.nullable(),
  problems: z.array(configProblemSchema),
});
export type ProfilePreview = z.infer<typeof profilePreviewSchema>;
