/** What a person hands over to be made a profile, what was recognised in it, and what is asked for by a link from outside. */
import { z } from 'zod';
import { configProblemSchema } from './error.ts';

/** Characters of the address of a profile, and of its name; bytes (UTF-8) of a profile. */
export const maxAddress = 4096;
export const maxProfileName = 90;
export const maxProfileBytes = 8 * 1024 * 1024;
/** Links from outside that wait for an answer; further ones are dropped. */
export const maxOffers = 5;

export const profileNameSchema = z.string().trim().min(1).max(maxProfileName);

/** Where a new profile is to come from. */
export const profileOriginSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('url'), url: z.string().max(maxAddress) }),
  /** YAML, or links to nodes. */
  z.strictObject({ kind: z.literal('text'), text: z.string().max(maxProfileBytes) }),
  /** The file that was chosen last (`chooseFile`), by the id that came with it. It stays where it is. */
  z.strictObject({ kind: z.literal('file'), id: z.string().max(40) }),
]);
export type ProfileOrigin = z.infer<typeof profileOriginSchema>;

/** Nodes of links that are named. */
export const maxNamedNodes = 50;

export const unknownReasons = [
  'EMPTY',
  'LINK_FORM', // a clash:// or mirage:// link that does not ask for a profile
  'LINK_NOT_HTTPS', // it asks for one that is not at an https address
  'LINKS_UNREADABLE', // links, of which none is understood
] as const;

/** What a text is that was handed over. */
export const recognisedSchema = z.discriminatedUnion('kind', [
  /** Of a subscription. `secure`: by https. */
  z.strictObject({
    kind: z.literal('address'),
    url: z.string(),
    host: z.string(),
    secure: z.boolean(),
    name: z.string().optional(),
  }),
  /** Links to nodes, of which `unread` are not understood. */
  z.strictObject({
    kind: z.literal('links'),
    nodes: z.array(z.strictObject({ name: z.string(), type: z.string() })).max(maxNamedNodes),
    count: z.number().int(),
    unread: z.number().int(),
  }),
  /** Anything else is taken for a profile; `usable` says whether it is one that can be in force. */
  z.strictObject({
    kind: z.literal('profile'),
    usable: z.boolean(),
    proxies: z.number().int(),
    groups: z.number().int(),
    rules: z.number().int(),
    providers: z.number().int(),
    problems: z.array(configProblemSchema),
  }),
  z.strictObject({ kind: z.literal('unknown'), reason: z.enum(unknownReasons) }),
]);
export type Recognised = z.infer<typeof recognisedSchema>;

/** A file that the person has chosen in a dialog of the app. */
export const chosenFileSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  /** Base64. */
  data: z.string(),
});
export type ChosenFile = z.infer<typeof chosenFileSchema>;

/** A link that was opened outside of Mirage asks for a profile: nothing is fetched until the person says so. */
export const profileOfferSchema = z.strictObject({
  url: z.string(),
  host: z.string(),
  /** What comes behind the host, as it may be shown: without query, fragment and login. */
  path: z.string(),
  /** There are such parts, in which somebody's key may be. */
  hidden: z.boolean(),
  name: z.string().optional(),
});
export type ProfileOffer = z.infer<typeof profileOfferSchema>;
