/** Every type of rule with its definition; a type in the contract does not compile until it has one. */
import { type RuleType, ruleTypes } from '../contract/rule-types.ts';
import { addressPrefix, addressSuffix, sourcePrefix, sourceSuffix } from './kinds/address.ts';
import { domain, domainKeyword, domainRegex, domainSuffix, domainWildcard } from './kinds/domain.ts';
import { everything } from './kinds/everything.ts';
import { inboundName, inboundType, inboundUser, sourceMac } from './kinds/inbound.ts';
import { and, not, or, subRule } from './kinds/logic.ts';
import { network } from './kinds/network.ts';
import { destinationPort, inboundPort, sourcePort, trafficClass, userId } from './kinds/number.ts';
import {
  processName,
  processNameRegex,
  processNameWildcard,
  processPath,
  processPathRegex,
  processPathWildcard,
} from './kinds/process.ts';
import { asn, geoip, geosite, ruleSet, sourceAsn, sourceGeoip } from './kinds/set.ts';
import { optionsOf, splitFields, unknownTypeNote } from './rule-fields.ts';
import { type InnerReading, note, type PayloadReading, type RuleKind, shifted } from './rule-kind.ts';

export const ruleKinds: { readonly [Type in RuleType]: RuleKind } = {
  DOMAIN: domain,
  'DOMAIN-SUFFIX': domainSuffix,
  'DOMAIN-KEYWORD': domainKeyword,
  'DOMAIN-REGEX': domainRegex,
  'DOMAIN-WILDCARD': domainWildcard,
  GEOSITE: geosite,
  'IP-CIDR': addressPrefix('RULE_PREFIX4'),
  'IP-CIDR6': addressPrefix('RULE_PREFIX6'),
  'IP-SUFFIX': addressSuffix,
  GEOIP: geoip,
  'IP-ASN': asn,
  'SRC-IP-CIDR': sourcePrefix,
  'SRC-IP-SUFFIX': sourceSuffix,
  'SRC-GEOIP': sourceGeoip,
  'SRC-IP-ASN': sourceAsn,
  'SRC-PORT': sourcePort,
  'SRC-MAC': sourceMac,
  'DST-PORT': destinationPort,
  'IN-PORT': inboundPort,
  'IN-TYPE': inboundType,
  'IN-NAME': inboundName,
  'IN-USER': inboundUser,
  NETWORK: network,
  DSCP: trafficClass,
  UID: userId,
  'PROCESS-NAME': processName,
  'PROCESS-NAME-REGEX': processNameRegex,
  'PROCESS-NAME-WILDCARD': processNameWildcard,
  'PROCESS-PATH': processPath,
  'PROCESS-PATH-REGEX': processPathRegex,
  'PROCESS-PATH-WILDCARD': processPathWildcard,
  'RULE-SET': ruleSet,
  AND: and,
  OR: or,
  NOT: not,
  'SUB-RULE': subRule,
  MATCH: everything,
};

/** Characters of a payload; rules in which others stand have more. */
const maxPayload = 1024;
export const maxLogicPayload = 16_384;

/** Reads the payload (trimmed) of a rule of `type`. */
export function readPayload(type: RuleType, payload: string): PayloadReading {
  const most = ruleKinds[type].is === 'logic' ? maxLogicPayload : maxPayload;
  if (payload.length > most) {
    return { kind: 'bad', note: note('RULE_PAYLOAD_TOO_LONG', { limit: String(most) }, 'SHORTER') };
  }
  return ruleKinds[type].read(payload, readInner);
}

/** Those that end a list or lead into another one stand for themselves. */
const neverInside: ReadonlySet<RuleType> = new Set(['MATCH', 'SUB-RULE']);

/** A rule as it stands in logic: `TYPE,payload[,no-resolve][,src]`. */
export function readInner(text: string): InnerReading {
  const [typeField, first, ...others] = splitFields(text);
  const name = typeField?.text.toUpperCase() ?? '';
  if (typeField === undefined || name === '') return { kind: 'bad', note: note('RULE_NO_TYPE', {}, 'RULE_LOGIC') };
  const type = ruleTypes.find((known) => known === name);
  if (type === undefined) return { kind: 'bad', note: unknownTypeNote(typeField) };
  if (neverInside.has(type))
    return { kind: 'bad', note: note('RULE_NOT_INSIDE', { type }, undefined, typeField.offset) };
  const kind = ruleKinds[type];
  const at = first?.offset ?? text.length;
  const rest = kind.hasCommas === true ? [] : others;
  const payload =
    kind.hasCommas === true && first !== undefined
      ? [first, ...others].map((field) => field.text).join(',')
      : (first?.text ?? '');
  if (payload === '') return { kind: 'bad', note: note('RULE_NO_PAYLOAD', { type }, undefined, at) };
  const read = readPayload(type, payload);
  if (read.kind === 'bad') return { kind: 'bad', note: shifted(read.note, at) };
  const { rule, notes } = optionsOf(type, kind, rest);
  const told = read.kind === 'never' ? [read.note] : read.notes;
  return {
    kind: read.kind,
    rule: { ...rule, payload: read.kind === 'ok' ? read.payload : payload },
    notes: [...told.map((one) => shifted(one, at)), ...notes],
  };
}
