/** The `tun` section of a profile: the device, and what stays outside of it. */
import { type Cidr, cidrsOverlap, formatCidr, parseCidr } from '../base/cidr.ts';
import type { TunConfig } from '../contract/config.ts';
import { readDnsHijack } from './dns-hijack.ts';
import { keyOf } from './fake-ranges.ts';
import type { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

/** What was written; what was not is absent. */
export type TunSection = Partial<TunConfig>;

const expectedDevice = 'a letter, then at most 14 letters, digits, "-" or "_"';
const expectedPrefix = 'an address and a prefix length, e.g. 192.0.2.0/24';

const notSupported = 'not supported yet: ignored, all routes but the excluded ones lead into the TUN';

const ignored: Readonly<Record<string, string>> = {
  enable: 'ignored: Enhanced Mode is a switch of the app, not of the profile',
  stack: 'ignored: there is one network stack',
  'auto-detect-interface': 'ignored: the outward interface is always found',
  'auto-redirect': 'ignored: traffic is taken by the TUN alone',
  'strict-route': 'ignored: traffic never goes around the tunnel',
  'gso-max-size': 'ignored: the kernel decides it',
  'udp-timeout': 'ignored: UDP flows end after their usual time',
  'endpoint-independent-nat': 'ignored: it has no effect here',
  'inet4-address': 'ignored: the TUN takes the first address of fake-ip-range',
  'inet6-address': 'ignored: the TUN has its own IPv6 address',
  'route-address': notSupported,
  'inet4-route-address': notSupported,
  'inet6-route-address': notSupported,
  'route-address-set': notSupported,
  'route-exclude-address-set': notSupported,
  'include-interface': notSupported,
  'exclude-interface': notSupported,
  'include-uid': notSupported,
  'include-uid-range': notSupported,
  'exclude-uid': notSupported,
  'exclude-uid-range': notSupported,
  'include-package': notSupported,
  'exclude-package': notSupported,
};

/** Reads the section; `fakeRanges` may not be excluded. What is wrong is reported and left out. */
export function readTun(map: YamlMap, fakeRanges: readonly Cidr[]): TunSection {
  const section: TunSection = {};
  const device = map.take('device');
  const name = device?.text(expectedDevice);
  if (name !== undefined && /^[a-zA-Z][a-zA-Z0-9_-]{0,14}$/.test(name)) section.device = name;
  else if (name !== undefined) device?.error(`"${clip(name)}" cannot be the name of the device`, expectedDevice);
  const mtu = map.take('mtu')?.integer(1280, 65_535);
  if (mtu !== undefined) section.mtu = mtu;
  const gso = map.take('gso')?.boolean();
  if (gso !== undefined) section.gso = gso;
  const autoRoute = map.take('auto-route');
  if (autoRoute?.boolean() === false) autoRoute.warning('ignored: routing is a switch of the app, not of the profile');
  const excluded = ['route-exclude-address', 'inet4-route-exclude-address', 'inet6-route-exclude-address']
    .map((key) => map.take(key))
    .filter((value) => value !== undefined);
  if (excluded.length > 0) section.routeExclude = excluded.flatMap((value) => readPrefixes(value, fakeRanges));
  if ((section.routeExclude?.length ?? 0) > 1024) excluded[0]?.error('more than 1024 excluded prefixes');
  const hijack = map.take('dns-hijack');
  const dnsHijack = hijack && readDnsHijack(hijack);
  if (dnsHijack !== undefined) section.dnsHijack = dnsHijack;
  map.warnOfRest(ignored);
  return section;
}

function readPrefixes(value: YamlValue, fakeRanges: readonly Cidr[]): string[] {
  const prefixes: string[] = [];
  for (const item of value.list('a list of IP prefixes') ?? []) {
    const text = item.text(expectedPrefix);
    if (text === undefined) continue;
    const cidr = text.includes('/') ? parseCidr(text) : undefined;
    if (cidr === undefined) {
      item.error(`"${clip(text)}" is no IP prefix`, expectedPrefix);
      continue;
    }
    const fake = fakeRanges.find((range) => cidrsOverlap(range, cidr));
    if (fake === undefined) prefixes.push(formatCidr(cidr));
    else
      item.error(`${text} overlaps the ${keyOf(fake)} ${formatCidr(fake)}, which must enter the TUN`, expectedPrefix);
  }
  return prefixes;
}
