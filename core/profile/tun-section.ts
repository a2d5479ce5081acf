/** The `tun` section of a profile: the device, and what stays outside of it. */
import { type Cidr, cidrsOverlap, cidrWithout, formatCidr, parseCidr } from '../base/cidr.ts';
import type { TunConfig } from '../contract/config.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { clip } from './clip.ts';
import { readDnsHijack } from './dns-hijack.ts';
import { keyOf } from './fake-ranges.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** What was written; what was not is absent. */
export type TunSection = Partial<TunConfig>;

/** Prefixes outside of the TUN. */
const maxExcluded = 1024;

/** Reads the section; `fakeRanges` may not be excluded. What is wrong is reported and left out. */
export function readTun(map: YamlMap, fakeRanges: readonly Cidr[]): TunSection {
  const section: TunSection = {};
  const device = map.take('device')?.lenient;
  const name = device?.text('DEVICE')?.trim();
  if (name !== undefined && /^[a-zA-Z][a-zA-Z0-9_-]{0,14}$/.test(name)) section.device = name;
  else if (name !== undefined && name !== '') device?.warning('TUN_DEVICE', { found: clip(name) }, 'DEVICE');
  const mtu = map.take('mtu')?.lenient.integer(0, 65_535);
  if (mtu !== undefined && mtu >= 1280) section.mtu = mtu;
  else if (mtu !== undefined && mtu > 0) {
    const hint = { code: 'INTEGER', values: { min: '1280', max: '65535' } } as const;
    map.take('mtu')?.warning('OUT_OF_RANGE', { found: String(mtu) }, hint);
  }
  const gso = map.take('gso')?.lenient.boolean();
  if (gso !== undefined) section.gso = gso;
  const strictRoute = map.take('strict-route')?.lenient.boolean();
  if (strictRoute !== undefined) section.strictRoute = strictRoute;
  const autoRoute = map.take('auto-route')?.lenient;
  if (autoRoute?.boolean() === false) autoRoute.warning('NOTE_TUN_ROUTING');
  const excluded = ['route-exclude-address', 'inet4-route-exclude-address', 'inet6-route-exclude-address']
    .map((key) => map.take(key))
    .filter((value) => value !== undefined);
  if (excluded.length > 0) section.routeExclude = excluded.flatMap((value) => readPrefixes(value, fakeRanges));
  if (section.routeExclude !== undefined && section.routeExclude.length > maxExcluded) {
    excluded[0]?.leftOut('TOO_MANY_CUT', { limit: String(maxExcluded) });
    section.routeExclude = section.routeExclude.slice(0, maxExcluded);
  }
  const hijack = map.take('dns-hijack')?.lenient;
  const dnsHijack = hijack && readDnsHijack(hijack);
  if (dnsHijack !== undefined) section.dnsHijack = dnsHijack;
  map.warnOfRest(profileNotes['tun']);
  return section;
}

function readPrefixes(value: YamlValue, fakeRanges: readonly Cidr[]): string[] {
  const prefixes: string[] = [];
  for (const item of value.oneOrList('PREFIX') ?? []) {
    const text = item.text('PREFIX')?.trim();
    if (text === '') item.warning('ITEM_EMPTY');
    if (text === undefined || text === '') continue;
    const cidr = parseCidr(text);
    if (cidr === undefined) {
      item.leftOut('NOT_A_PREFIX', { found: clip(text) }, 'PREFIX');
      continue;
    }
    if (cidr.prefix === 0) {
      item.leftOut('TUN_EXCLUDES_ALL', { found: clip(text) }, 'PREFIX');
      continue;
    }
    const fake = fakeRanges.find((range) => cidrsOverlap(range, cidr));
    if (fake !== undefined)
      item.warning('TUN_EXCLUDES_FAKE', { found: text, key: keyOf(fake), range: formatCidr(fake) }, 'PREFIX');
    prefixes.push(...(fake === undefined ? [cidr] : cidrWithout(cidr, fake)).map(formatCidr));
  }
  return prefixes;
}
