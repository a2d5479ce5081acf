/** The `sniffer` section of a profile: where names are read from the first bytes of connections. */
import { parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import type { SnifferConfig } from '../contract/config.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { clip } from './clip.ts';
import { nameSetOf } from './name-set.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** Reads the section, which is lenient: what is wrong is left out with a warning, what is not written is absent. */
export function readSniffer(map: YamlMap): Partial<SnifferConfig> {
  const section: Partial<SnifferConfig> = {};
  const enable = map.take('enable')?.boolean();
  if (enable !== undefined) section.enabled = enable;
  const sniff = map.take('sniff');
  const former = map.take('sniffing');
  const formerPorts = readList(map.take('port-whitelist'), 'PORT', portProblem);
  if (sniff !== undefined) readProtocols(sniff, section);
  else if (former !== undefined) readFormer(former, formerPorts, section);
  const force = map.take('force-domain');
  if (force !== undefined) {
    section.forceDomain = readList(force, 'PATTERN', domainPatternProblem) ?? [];
    const sets = readSets(force);
    if (sets.length > 0) section.forceSets = sets;
  }
  const skip = map.take('skip-domain');
  if (skip !== undefined) {
    section.skipDomain = readList(skip, 'PATTERN', domainPatternProblem) ?? [];
    const sets = readSets(skip);
    if (sets.length > 0) section.skipSets = sets;
  }
  const source = readList(map.take('skip-src-address'), 'PREFIX', prefixProblem);
  if (source !== undefined) section.skipSource = source;
  const destination = readList(map.take('skip-dst-address'), 'PREFIX', prefixProblem);
  if (destination !== undefined) section.skipDestination = destination;
  map.warnOfRest(profileNotes['sniffer']);
  return section;
}

const protocols = ['tls', 'http', 'quic'] as const;

/** One that is not named is not looked for, once any is; one without ports has the usual ones. */
function readProtocols(value: YamlValue, section: Partial<SnifferConfig>): void {
  const map = YamlMap.of(value, 'any');
  const named = new Set(map?.entries().map(([key]) => key.toLowerCase()));
  for (const field of protocols) {
    const protocol = map?.take(field);
    const settings = protocol && YamlMap.of(protocol);
    const ports = readList(settings?.take('ports'), 'PORT', portProblem);
    if (ports !== undefined) section[field] = ports;
    else if (protocols.some((each) => named.has(each)) && !named.has(field)) section[field] = [];
    settings?.warnOfRest(profileNotes.sniffer);
  }
  map?.warnOfRest();
}

/** The first spelling: a list of protocols, and ports for all of them. */
function readFormer(value: YamlValue, ports: string[] | undefined, section: Partial<SnifferConfig>): void {
  const named = new Set((value.oneOrList('TEXT') ?? []).flatMap((item) => item.choice(protocols) ?? []));
  if (named.size === 0) return;
  for (const field of protocols) {
    if (!named.has(field)) section[field] = [];
    else if (ports !== undefined) section[field] = ports;
  }
}

function readList(
  value: YamlValue | undefined,
  expected: 'PATTERN' | 'PREFIX' | 'PORT',
  problemOf: (text: string) => string | undefined,
): string[] | undefined {
  const items = value?.oneOrList(expected);
  const texts = items?.flatMap((item) => {
    const text = item.text(expected);
    // A list of ports may be one text: 443/8443.
    const parts = expected === 'PORT' ? (text?.split(/[/,]/) ?? []) : text === undefined ? [] : [text];
    return parts.map((part) => ({ item, part: part.trim() }));
  });
  return texts?.flatMap(({ item, part }) => {
    if (expected === 'PATTERN' && nameSetOf(part) !== undefined) return [];
    const reason = problemOf(part);
    if (reason === undefined) return [part];
    // Names of devices, too, which other clients take here.
    item.warning('SNIFF_LEFT_OUT', { found: clip(part), reason }, expected);
    return [];
  });
}

/** Sets among the patterns of a list. */
function readSets(value: YamlValue): string[] {
  const sets = (value.oneOrList('PATTERN') ?? []).flatMap((item) => nameSetOf(item.text('PATTERN') ?? '') ?? []);
  return [...new Set(sets)].slice(0, 1000);
}

function prefixProblem(text: string): string | undefined {
  return parseCidr(text) === undefined ? 'no IP prefix' : undefined;
}

function portProblem(text: string): string | undefined {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const from = Number(first);
  const to = Number(last ?? first);
  return from >= 1 && to <= 65_535 && from <= to ? undefined : 'no port';
}
