/** The `sniffer` section of a profile: where names are read from the first bytes of connections. */
import { parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import type { SnifferConfig } from '../contract/config.ts';
import type { ProblemCode } from '../contract/problem-texts.ts';
import { clip } from './clip.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

const notes: Readonly<Record<string, ProblemCode>> = {
  'force-dns-mapping': 'NOTE_SNIFF_CHECKED',
  'parse-pure-ip': 'NOTE_SNIFF_BARE',
  'override-destination': 'NOTE_SNIFF_USED',
  sniffing: 'NOTE_SNIFF_OLD',
  'port-whitelist': 'NOTE_SNIFF_OLD',
};

/** Reads the section, which is lenient: what is wrong is left out with a warning, what is not written is absent. */
export function readSniffer(map: YamlMap): Partial<SnifferConfig> {
  const section: Partial<SnifferConfig> = {};
  const enable = map.take('enable')?.boolean();
  if (enable !== undefined) section.enabled = enable;
  const sniff = map.take('sniff');
  if (sniff !== undefined) readProtocols(sniff, section);
  const force = readList(map.take('force-domain'), 'PATTERN', domainPatternProblem);
  if (force !== undefined) section.forceDomain = force;
  const skip = readList(map.take('skip-domain'), 'PATTERN', domainPatternProblem);
  if (skip !== undefined) section.skipDomain = skip;
  const source = readList(map.take('skip-src-address'), 'PREFIX', prefixProblem);
  if (source !== undefined) section.skipSource = source;
  const destination = readList(map.take('skip-dst-address'), 'PREFIX', prefixProblem);
  if (destination !== undefined) section.skipDestination = destination;
  map.warnOfRest(notes);
  return section;
}

function readProtocols(value: YamlValue, section: Partial<SnifferConfig>): void {
  const map = YamlMap.of(value);
  for (const [key, field] of [
    ['TLS', 'tls'],
    ['HTTP', 'http'],
    ['QUIC', 'quic'],
  ] as const) {
    const protocol = map?.take(key);
    const settings = protocol && YamlMap.of(protocol);
    const ports = readList(settings?.take('ports'), 'PORT', portProblem);
    if (ports !== undefined) section[field] = ports;
    settings?.warnOfRest(notes);
  }
  map?.warnOfRest();
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
    const reason = problemOf(part);
    if (reason === undefined) return [part];
    // Names of devices and of sets, too, which other clients take here.
    item.warning('SNIFF_LEFT_OUT', { found: clip(part), reason }, expected);
    return [];
  });
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
