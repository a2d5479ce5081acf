/** What may be written at a place of a profile: keys, values, names of the profile itself, types of rules. Pure. */
import { geoipNames, geositeNames } from '../../../../core/contract/geosite-names.ts';
import type { KnownNames } from '../../../../core/contract/profile-editing.ts';
import type { KeyValue, ProfileKey } from '../../../../core/contract/profile-key.ts';
import { ruleTypes } from '../../../../core/contract/rule-types.ts';
import { hasKeysBelow, keyAt, keysBelow } from './profile-schema.ts';
import type { YamlPlace } from './yaml-place.ts';

export type ChoiceKind = 'key' | 'value' | 'policy' | 'provider' | 'set' | 'rule';

export interface Choice {
  readonly label: string;
  readonly kind: ChoiceKind;
  /** What is written for it. */
  readonly write: string;
  /** Of a key. */
  readonly key?: ProfileKey;
}

export interface Choices {
  /** Column where what is written takes the place of what is there. */
  readonly from: number;
  readonly all: readonly Choice[];
}

const nothingKnown: KnownNames = { policies: [], ruleProviders: [], proxyProviders: [], subRules: [] };
/** Words for lists that an override puts before or behind those of a profile. */
const listWays = ['+rules', 'rules+', '+proxies', 'proxies+', '+proxy-groups', 'proxy-groups+'];

/** Undefined where nothing is known of. */
export function choicesAt(
  place: YamlPlace,
  names: KnownNames | null | undefined,
  isOverride: boolean,
): Choices | undefined {
  const found = names ?? nothingKnown;
  const { path, from } = place;
  if (isRule(place)) return ruleChoices(place, found);
  if (place.at === 'key' && (!place.isItem || hasKeysBelow(path))) {
    const keys = keysBelow(path).map((key) => keyChoice(key, place));
    const marked =
      isOverride && path.length === 0 && !place.inFlow ? listWays.map((way) => listChoice(way, place)) : [];
    return some(from, [...keys, ...marked, ...namedKeys(path, found)]);
  }
  return some(from, valuesOf(place, found));
}

function some(from: number, all: readonly Choice[]): Choices | undefined {
  return all.length === 0 ? undefined : { from, all };
}

function keyChoice(key: ProfileKey, { inFlow, indent }: YamlPlace): Choice {
  const label = key.path.split('.').at(-1)?.replace('[]', '') ?? '';
  const deeper = `\n${' '.repeat(indent + 2)}`;
  const opens: Readonly<Record<KeyValue['kind'], string>> = {
    list: `:${deeper}- `,
    map: `:${deeper}`,
    boolean: ': ',
    integer: ': ',
    words: ': ',
    text: ': ',
  };
  return { label, kind: 'key', key, write: `${label}${inFlow ? ': ' : opens[key.value.kind]}` };
}

function listChoice(way: string, { indent }: YamlPlace): Choice {
  const key = keyAt([way.replace('+', '')]);
  return {
    label: way,
    kind: 'key',
    write: `${way}:\n${' '.repeat(indent + 2)}- `,
    ...(key === undefined ? {} : { key }),
  };
}

/** Keys that name a set of names. */
function namedKeys(path: readonly string[], names: KnownNames): Choice[] {
  if (path.join('.') !== 'dns.nameserver-policy') return [];
  return setPatterns(names).map((text) => ({ label: text, kind: 'set', write: `"${text}": ` }));
}

function valuesOf(place: YamlPlace, names: KnownNames): Choice[] {
  const written =
    (kind: ChoiceKind) =>
    (label: string): Choice => ({ label, kind, write: quoted(label, place) });
  switch (place.path.map((part, depth) => (isNamed(place.path, depth) ? '*' : part)).join('.')) {
    case 'proxy-groups.proxies':
    case 'proxies.dialer-proxy':
    case 'proxy-providers.*.override.dialer-proxy':
      return names.policies.map(written('policy'));
    case 'proxy-groups.use':
      return names.proxyProviders.map(written('provider'));
    case 'dns.fake-ip-filter':
      return setPatterns(names).map(written('set'));
  }
  const value = keyAt(place.path)?.value;
  if (value?.kind === 'boolean') return ['true', 'false'].map((label) => ({ label, kind: 'value', write: label }));
  return value?.kind === 'words' ? value.words.map((label) => ({ label, kind: 'value', write: label })) : [];
}

function isNamed(path: readonly string[], depth: number): boolean {
  return depth === 1 && /^(?:proxy|rule)-providers$/.test(path[0] ?? '');
}

function setPatterns({ ruleProviders }: KnownNames): string[] {
  return [...ruleProviders.map((name) => `rule-set:${name}`), ...geositeNames.map((name) => `geosite:${name}`)];
}

/** An item of `rules`, or of a list of `sub-rules`. */
function isRule({ path, at, isItem }: YamlPlace): boolean {
  const isList = (path.length === 1 && path[0] === 'rules') || (path.length === 2 && path[0] === 'sub-rules');
  return isList && isItem && (at === 'key' || at === 'value');
}

/** By the part of the rule that is being written: `TYPE,what,policy,option`. */
function ruleChoices({ word, from, isQuoted, inFlow }: YamlPlace, names: KnownNames): Choices | undefined {
  const parts = word.split(',');
  const begin = from + word.length - (parts.at(-1) ?? '').length;
  const [type = '', payload = ''] = parts.map((part) => part.trim());
  const upper = type.toUpperCase();
  const choices = (kind: ChoiceKind, all: readonly string[], after = '') =>
    some(
      begin,
      all.map((label) => ({ label, kind, write: `${label}${after}` })),
    );
  // Unquoted commas end an item in brackets.
  if (inFlow && !isQuoted) return choices('rule', parts.length === 1 ? ruleTypes.map((each) => `"${each},`) : []);
  if (parts.length === 1) return choices('rule', ruleTypes, ',');
  if (parts.length === 2) return choices(...whatOf(upper, names));
  if (parts.length === 3) return choices('policy', upper === 'SUB-RULE' ? names.subRules : names.policies);
  return /^(?:IP-|GEOIP|RULE-SET)/.test(upper) && payload !== '' ? choices('value', ['no-resolve', 'src']) : undefined;
}

function whatOf(type: string, names: KnownNames): [ChoiceKind, readonly string[], string?] {
  switch (type) {
    case 'MATCH':
      return ['policy', names.policies];
    case 'RULE-SET':
      return ['provider', names.ruleProviders, ','];
    case 'GEOSITE':
      return ['set', geositeNames, ','];
    case 'GEOIP':
    case 'SRC-GEOIP':
      return ['set', geoipNames, ','];
    case 'NETWORK':
      return ['value', ['tcp', 'udp'], ','];
    case 'IN-TYPE':
      return ['value', ['TUN', 'HTTP', 'HTTPS', 'SOCKS4', 'SOCKS5', 'SOCKS'], ','];
    default:
      return ['value', []];
  }
}

/** In quotes where YAML would read something else. */
function quoted(text: string, { isQuoted, inFlow }: YamlPlace): string {
  if (isQuoted) return text;
  const isPlain = /^[^\s\-?:,[\]{}#&*!|>'"%@`~=]/.test(text) && !/: | #|:$|\s$/.test(text);
  const isWord = /^(?:true|false|null|yes|no|on|off|[\d.]+)$/i.test(text);
  return isPlain && !isWord && !(inFlow && /[,[\]{}]/.test(text)) ? text : JSON.stringify(text);
}
