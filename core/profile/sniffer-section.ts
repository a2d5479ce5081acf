/** The `sniffer` section of a profile: where names are read from the first bytes of connections. */
import { parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import type { SnifferConfig } from '../contract/config.ts';
import { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

const notes: Readonly<Record<string, string>> = {
  'force-dns-mapping': 'ignored: names of redir-host are always checked where that can matter',
  'parse-pure-ip': 'ignored: with enable, connections to bare addresses are looked at where a name can matter',
  'override-destination': 'ignored: a name found is used for rules and proxies',
  sniffing: 'ignored: use sniff',
  'port-whitelist': 'ignored: use sniff with ports',
};
const expectedPort = 'a port such as 443 or a range such as 8080-8880';

/** Reads the section; what is wrong is reported and left out, what is not written is absent. */
export function readSniffer(map: YamlMap): Partial<SnifferConfig> {
  const section: Partial<SnifferConfig> = {};
  const enable = map.take('enable')?.boolean();
  if (enable !== undefined) section.enabled = enable;
  const sniff = map.take('sniff');
  if (sniff !== undefined) readProtocols(sniff, section);
  const force = readList(map.take('force-domain'), 'a domain pattern', domainPatternProblem);
  if (force !== undefined) section.forceDomain = force;
  const skip = readList(map.take('skip-domain'), 'a domain pattern', domainPatternProblem);
  if (skip !== undefined) section.skipDomain = skip;
  const source = readList(map.take('skip-src-address'), 'an IP prefix', prefixProblem);
  if (source !== undefined) section.skipSource = source;
  const destination = readList(map.take('skip-dst-address'), 'an IP prefix', prefixProblem);
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
    const ports = readList(settings?.take('ports'), expectedPort, portProblem);
    if (ports !== undefined) section[field] = ports;
    settings?.warnOfRest(notes);
  }
  map?.warnOfRest();
}

function readList(
  value: YamlValue | undefined,
  expected: string,
  problemOf: (text: string) => string | undefined,
): string[] | undefined {
  const items = value?.list(`a list; each entry ${expected}`);
  return items?.flatMap((item) => {
    const text = item.text(expected);
    if (text === undefined) return [];
    const problem = problemOf(text);
    if (problem === undefined) return [text];
    // Names of devices and sets, which other clients take here.
    if (expected === 'a domain pattern') item.warning(`"${clip(text)}": ${problem}; ignored`, expected);
    else item.error(`"${clip(text)}": ${problem}`, expected);
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
