/** The `rule-providers`, `proxy-providers` and geodata keys of a profile: where each comes from, and what is done with it. */

import type { SearchBudget } from '../base/expression/bounded-expression.ts';
import { distanceOfHost } from '../base/nearness.ts';
import { parseUrl } from '../base/parse-url.ts';
import { type GroupTest, usualTest } from '../contract/config.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { setFormats } from '../contract/providers.ts';
import { setBehaviors } from '../contract/sets.ts';
import { clip } from './clip.ts';
import { type NameChange, type NameFilter, nameChange, parseNameFilters } from './name-filter.ts';
import type { PolicyNames } from './policy-names.ts';
import {
  type GeoPlaces,
  type NodeOverride,
  type ProviderPlace,
  type ProxyProvider,
  type RuleProvider,
} from './provider-contents.ts';
import { readTestKeys } from './test-keys.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** Of each kind; what is more is left out. */
export const maxProviders = 300;
/** `proxy-name` of one provider. */
const maxRenames = 100;
/** A month of seconds. */
const maxInterval = 31 * 86_400;
const usualInterval = 86_400;

/** A proxy provider; of an inline one with its nodes, unread. */
export interface WrittenProxyProvider {
  readonly provider: ProxyProvider;
  readonly payload?: YamlValue;
}

/** What the rest of the profile says of all providers. */
export interface Surroundings {
  /** What downloads call themselves (`global-ua`). */
  readonly userAgent: string | undefined;
  /** Those of nodes and groups. */
  readonly names: PolicyNames;
  /** How far whoever wrote the profile is; 0 = it is the person. */
  readonly from: number;
}

/** In the order of the profile. One that cannot be understood is left out, and told. */
export function readRuleProviders(value: YamlValue | undefined, surroundings: Surroundings): Map<string, RuleProvider> {
  return readEach(value, (name, map) => {
    const behavior = map
      .need('behavior', { code: 'WORDS', values: { words: setBehaviors.join(', ') } })
      ?.choice(setBehaviors);
    const format = map.take('format')?.choice(setFormats) ?? 'yaml';
    const payload = map.take('payload');
    const place = readPlace(map, surroundings, payload && textsOf(payload));
    map.warnOfRest(profileNotes['rule-providers.*']);
    return behavior === undefined || place === undefined ? undefined : { name, behavior, format, place };
  });
}

/** `budget`: what its expressions may take, of filters and of names, also when its nodes are read later. */
export function readProxyProviders(
  value: YamlValue | undefined,
  surroundings: Surroundings,
  budget: SearchBudget,
): Map<string, WrittenProxyProvider> {
  return readEach(value, (name, map) => {
    const payload = map.take('payload');
    const place = readPlace(map, surroundings, payload === undefined ? undefined : []);
    const filter = map.take('filter');
    const excluded = map.take('exclude-filter');
    const types = map.take('exclude-type')?.text() ?? '';
    const override = readOverride(map.take('override'), map.take('dialer-proxy')?.text(), budget);
    const check = map.take('health-check');
    const test = check && readTest(check);
    map.warnOfRest(profileNotes['proxy-providers.*']);
    if (place === undefined) return undefined;
    const words = types
      .toLowerCase()
      .split('|')
      .map((word) => word.trim());
    const provider: ProxyProvider = {
      name,
      place,
      filters: filter === undefined ? [] : readFilters(filter, budget),
      excludeFilters: excluded === undefined ? [] : readFilters(excluded, budget),
      excludeTypes: new Set(words.filter((word) => word !== '')),
      override,
      ...(test === undefined ? {} : { test }),
      text: JSON.stringify([filter?.text() ?? '', excluded?.text() ?? '', types, override]),
    };
    return { provider, ...(place.kind === 'inline' && payload !== undefined ? { payload } : {}) };
  });
}

/** mihomo's own. */
const usualUrls: GeoPlaces['urls'] = {
  geosite: 'https://github.com/MetaCubeX/meta-rules-dat/releases/download/latest/geosite.dat',
  geoip: 'https://github.com/MetaCubeX/meta-rules-dat/releases/download/latest/geoip.dat',
  country: 'https://github.com/MetaCubeX/meta-rules-dat/releases/download/latest/geoip.metadb',
  asn: 'https://github.com/MetaCubeX/meta-rules-dat/releases/download/latest/GeoLite2-ASN.mmdb',
};

/** Takes all keys about geodata. */
export function readGeoPlaces(root: YamlMap, from: number): GeoPlaces {
  const usesDat = root.take('geodata-mode')?.lenient.boolean() === true;
  const updates = root.take('geo-auto-update')?.lenient.boolean() === true;
  const hours = root.take('geo-update-interval')?.lenient.integer(1, 24 * 31) ?? 24;
  // How it is kept in memory.
  root.take('geodata-loader');
  root.take('geosite-matcher');
  const value = root.take('geox-url')?.lenient;
  const map = value && YamlMap.of(value);
  let near = from;
  const url = (key: string): string | undefined => {
    const at = map?.take(key);
    if (at !== undefined) near = Math.min(near, originOf(at, from));
    return at && readUrl(at, originOf(at, from));
  };
  const urls = {
    geosite: url('geosite') ?? usualUrls.geosite,
    geoip: url('geoip') ?? usualUrls.geoip,
    country: url('mmdb') ?? usualUrls.country,
    asn: url('asn') ?? usualUrls.asn,
  };
  map?.warnOfRest();
  return { urls, usesDat, interval: updates ? hours * 3600 : 0, ...(near === 0 ? {} : { from: near }) };
}

function readEach<T>(
  value: YamlValue | undefined,
  read: (name: string, map: YamlMap) => T | undefined,
): Map<string, T> {
  const found = new Map<string, T>();
  const all = value && YamlMap.of(value.lenient);
  for (const [name, item] of all?.entries() ?? []) {
    if (item.isNothing) continue;
    const map = YamlMap.of(item);
    if (map === undefined) continue;
    if (found.size >= maxProviders) {
      item.warning('TOO_MANY', { limit: String(maxProviders) });
      break;
    }
    const one = name === '' || name.length > 255 ? undefined : read(name, map);
    if (one !== undefined) found.set(name, one);
  }
  return found;
}

/** `type` is what Clash needs; without one the keys say it. */
function readPlace(
  map: YamlMap,
  { userAgent, names, from }: Surroundings,
  entries: readonly string[] | undefined,
): ProviderPlace | undefined {
  const typeAt = map.take('type');
  const urlAt = map.take('url');
  const path = map.take('path');
  const interval = map.take('interval')?.integer(0, Number.MAX_SAFE_INTEGER);
  const limit = map.take('size-limit')?.integer(0, Number.MAX_SAFE_INTEGER) ?? 0;
  const policy = readPolicy(map.take('proxy'), names);
  const headers = {
    ...(userAgent === undefined ? {} : { 'User-Agent': userAgent }),
    ...readHeaders(map.take('header')),
  };
  const type =
    typeAt?.choice(['http', 'file', 'inline']) ?? (typeAt === undefined ? guessed(urlAt, path, entries) : undefined);
  switch (type) {
    case 'http': {
      if (urlAt === undefined) map.need('url', 'ADDRESS_OF_FILE');
      const near = urlAt === undefined ? 0 : originOf(urlAt, from);
      const url = urlAt && readUrl(urlAt, near);
      const pathText = path?.text() ?? '';
      if (leadsOutside(pathText)) path?.warning('PROVIDER_PATH');
      // An address that cannot be had is kept: its rules and groups stand, and say what is missing.
      const seconds =
        interval === undefined ? usualInterval : interval === 0 ? 0 : Math.min(Math.max(interval, 60), maxInterval);
      return {
        kind: 'http',
        url: url ?? '',
        interval: seconds,
        headers,
        ...(near === 0 ? {} : { from: near }),
        ...(policy === undefined ? {} : { policy }),
        ...(limit === 0 ? {} : { maxBytes: limit }),
      };
    }
    case 'file': {
      const text = path?.text();
      if (path === undefined) map.need('path', 'PATH_OF_FILE');
      if (leadsOutside(text ?? '')) path?.warning('PROVIDER_FILE_OUTSIDE', {}, 'PATH_OF_FILE');
      return text === undefined ? undefined : { kind: 'file', path: text };
    }
    case 'inline':
      return { kind: 'inline', entries: entries ?? [] };
    case undefined:
      if (typeAt === undefined) map.need('type', { code: 'WORDS', values: { words: 'http, file, inline' } });
      return undefined;
  }
}

/** Without one the rules decide. */
function readPolicy(value: YamlValue | undefined, names: PolicyNames): string | undefined {
  const policy = value?.exactText();
  if (value === undefined || policy === undefined || policy === '') return undefined;
  const problem = names.problem(policy);
  if (problem !== undefined) value.warning('PROVIDER_POLICY', { policy: clip(policy) }, problem.hint);
  return problem === undefined ? policy : undefined;
}

/** Clash refuses the profile then. */
function leadsOutside(path: string): boolean {
  const parts = path.split(/[\\/]/);
  if (/^(?:[\\/~]|[A-Za-z]:)/.test(path)) return true;
  let depth = 0;
  return parts.some((part) => {
    depth += part === '..' ? -1 : part === '.' || part === '' ? 0 : 1;
    return depth < 0;
  });
}

function guessed(
  url: YamlValue | undefined,
  path: YamlValue | undefined,
  entries: readonly string[] | undefined,
): ProviderPlace['kind'] | undefined {
  return url !== undefined ? 'http' : entries !== undefined ? 'inline' : path !== undefined ? 'file' : undefined;
}

/** What an override says is the person's word, whoever wrote the profile. */
function originOf(value: YamlValue, from: number): number {
  return value.place.file === undefined ? from : 0;
}

/** Undefined for what is not the address of a web server, and for one that is nearer to us than whoever names it. */
function readUrl(value: YamlValue, from: number): string | undefined {
  const text = value.text()?.trim();
  if (text === undefined) return undefined;
  const url = /^https?:\/\/[^/\s]/i.test(text) && text.length <= 4096 ? parseUrl(text) : undefined;
  if (url === undefined) value.warning('PROVIDER_ADDRESS', {}, 'ADDRESS_OF_FILE');
  else if (distanceOfHost(url.hostname) < from) value.warning('PROVIDER_NEAR', { host: clip(url.hostname) });
  else return text;
  return undefined;
}

function readHeaders(value: YamlValue | undefined): Record<string, string> {
  const map = value && YamlMap.of(value);
  const headers: Record<string, string> = {};
  for (const [name, each] of map?.entries() ?? []) {
    const text = each
      .oneOrList('TEXT')
      ?.flatMap((item) => item.text() ?? [])
      .join(', ');
    if (text !== undefined && text !== '' && !/[\r\n\0]/.test(text)) headers[name] = text;
  }
  return headers;
}

/** Clash must be told whether it is on; whoever writes one without it wants it. */
function readTest(value: YamlValue): GroupTest | undefined {
  const map = YamlMap.of(value);
  if (map === undefined) return undefined;
  const enabled = map.take('enable')?.boolean() !== false;
  const keys = readTestKeys(map, usualTest.interval);
  map.warnOfRest();
  return enabled ? { ...keys, tolerance: usualTest.tolerance } : undefined;
}

/** Of the node's own keys these may be set from outside; others would make it another node. */
const overridable = [
  'tfo',
  'mptcp',
  'udp',
  'udp-over-tcp',
  'up',
  'down',
  'dialer-proxy',
  'skip-cert-verify',
  'interface-name',
  'routing-mark',
  'ip-version',
];

/** `dialerProxy`: of the provider itself, which its override may say otherwise. */
function readOverride(
  value: YamlValue | undefined,
  dialerProxy: string | undefined,
  budget: SearchBudget,
): NodeOverride {
  const map = value && YamlMap.of(value);
  const keys: Record<string, string | number | boolean> = {};
  if (dialerProxy !== undefined && dialerProxy !== '') keys['dialer-proxy'] = dialerProxy;
  for (const key of overridable) {
    const plain = map?.take(key)?.scalar();
    if (plain !== undefined) keys[key] = plain;
  }
  const prefix = map?.take('additional-prefix')?.text() ?? '';
  const suffix = map?.take('additional-suffix')?.text() ?? '';
  const renamesAt = map?.take('proxy-name');
  const written = renamesAt?.list('MAP') ?? [];
  if (written.length > maxRenames) renamesAt?.warning('TOO_MANY', { limit: String(maxRenames) });
  const renames = written.slice(0, maxRenames).flatMap((item) => readRename(item, budget) ?? []);
  map?.warnOfRest();
  return { prefix, suffix, renames, keys };
}

function readRename(value: YamlValue, budget: SearchBudget): NameChange | undefined {
  const map = YamlMap.of(value);
  const patternAt = map?.need('pattern', 'TEXT');
  const pattern = patternAt?.text();
  const target = map?.take('target')?.text() ?? '';
  if (patternAt === undefined || pattern === undefined) return undefined;
  const change = nameChange(pattern, target, budget);
  if (change === undefined) patternAt.warning('PROVIDER_PATTERN', { found: clip(pattern) });
  return change;
}

function readFilters(value: YamlValue, budget: SearchBudget): readonly NameFilter[] {
  const text = value.text();
  if (text === undefined || text === '') return [];
  const parsed = parseNameFilters(text, budget);
  if (parsed.ok) return parsed.filters;
  value.warning('PROVIDER_PATTERN', { found: clip(text) });
  return [];
}

function textsOf(value: YamlValue): string[] {
  return value.list('TEXT')?.flatMap((item) => item.text() ?? []) ?? [];
}
