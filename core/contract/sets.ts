/**
 * Sets of names, addresses or rules, which rules name: those of rule providers, and the lists of geodata. A configuration says
 * which there are; what is in them travels as blobs (`putBlob`), in the form of `core/rule/sets/canonical-set.ts`.
 */
import { z } from 'zod';

export const setBehaviors = ['domain', 'ipcidr', 'classical'] as const;
export type SetBehavior = (typeof setBehaviors)[number];

/** Why a set cannot be had; rules that name it do not match. */
export const setTroubles = [
  'UNDEFINED', // the profile has no provider of this name
  'NOT_FETCHED', // it was not downloaded yet, or cannot be, and there is no earlier copy
  'NOT_READABLE', // what came is not in the form that the profile says, or in none that is known
  'NOT_LISTED', // the geodata has no list of this code
  'TOO_LARGE',
] as const;
export type SetTrouble = (typeof setTroubles)[number];

/** Lower-case hexadecimal. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

export const setSchema = z.strictObject({
  /** As `setNameOf` gives it. */
  name: z.string().min(1).max(300),
  behavior: z.enum(setBehaviors),
  /** What is in it; null = it cannot be had. */
  blob: sha256Schema.nullable(),
  /** Everything but what is in it, as `!cn` means. */
  inverted: z.literal(true).optional(),
  /** Present when `blob` is null. */
  missing: z.enum(setTroubles).optional(),
});
export type SetConfig = z.infer<typeof setSchema>;

/** Bytes of what is in one set. */
export const maxBlobBytes = 16 * 1024 * 1024;
/** Bytes of all sets of one configuration, each once. */
export const maxConfigSetBytes = 96 * 1024 * 1024;
/** Bytes of a blob that travel in one message, in base64. */
export const blobPartBytes = 45_000;

/** Sets of one configuration. */
export const maxSets = 1000;

/** Types of rules whose payload names a set. */
export const setRuleTypes = ['RULE-SET', 'GEOSITE', 'GEOIP', 'SRC-GEOIP', 'IP-ASN', 'SRC-IP-ASN'] as const;
export type SetRuleType = (typeof setRuleTypes)[number];

export function isSetRuleType(type: string): type is SetRuleType {
  return setRuleTypes.some((each) => each === type);
}

const prefixes: Readonly<Record<SetRuleType, string>> = {
  'RULE-SET': 'rule-set',
  GEOSITE: 'geosite',
  GEOIP: 'geoip',
  'SRC-GEOIP': 'geoip',
  'IP-ASN': 'asn',
  'SRC-IP-ASN': 'asn',
};

/** The set that a payload names: `rule-set:NAME`, `geosite:cn`, `geoip:cn`, `asn:13335`. Codes are of any case, names of one. */
export function setNameOf(type: SetRuleType, payload: string): string {
  return `${prefixes[type]}:${type === 'RULE-SET' ? payload : payload.toLowerCase()}`;
}
