/**
 * `tun.dns-hijack`: whose questions to port 53 are answered by us, as in Clash (`any:53`, `tcp://8.8.8.8:53`). An entry without a
 * scheme means UDP and TCP: a resolver that falls back to TCP must not get other answers. `!` in front spares a server.
 */
import { parseIp } from '../base/address.ts';
import { formatCidr, parseCidr } from '../base/cidr.ts';
import { type DnsHijack, everyServer } from '../contract/config.ts';
import { clip } from './clip.ts';
import type { YamlValue } from './yaml-value.ts';

const networks = ['udp', 'tcp'] as const;
const dnsPort = 53;
const most = 256;

/** What cannot be understood is warned of and left out; undefined when it is not a list. */
export function readDnsHijack(value: YamlValue): DnsHijack | undefined {
  const items = value.oneOrList('HIJACK');
  if (items === undefined) return undefined;
  if (items.length > most) value.warning('TOO_MANY', { limit: String(most) });
  const hijack = {
    udp: { taken: [] as string[], spared: [] as string[] },
    tcp: { taken: [] as string[], spared: [] as string[] },
  };
  for (const item of items.slice(0, most)) {
    const text = item.text('HIJACK');
    const entry = text === undefined ? undefined : readEntry(text);
    if (text === undefined) continue;
    if (entry === undefined) item.warning('HIJACK_UNKNOWN', { found: clip(text) }, 'HIJACK');
    else if (entry.port !== dnsPort) item.warning('HIJACK_PORT', { port: String(entry.port) });
    else for (const network of entry.networks) hijack[network][entry.list].push(...entry.prefixes);
  }
  return hijack;
}

interface Entry {
  readonly networks: readonly (typeof networks)[number][];
  readonly list: 'taken' | 'spared';
  readonly prefixes: readonly string[];
  readonly port: number;
}

function readEntry(text: string): Entry | undefined {
  const parts = /^(!?)(?:(udp|tcp):\/\/)?(?:\[([^\]]+)\]|([^[\]]*?))(?::(\d{1,5}))?$/.exec(text.trim().toLowerCase());
  if (parts === null) return undefined;
  const [, spared, network, bracketed, bare, port] = parts;
  const host = bracketed ?? bare ?? '';
  const prefixes = prefixesOf(host);
  if (prefixes === undefined) return undefined;
  return {
    networks: networks.filter((each) => network === undefined || network === each),
    list: spared === '!' ? 'spared' : 'taken',
    prefixes,
    port: port === undefined ? dnsPort : Number(port),
  };
}

function prefixesOf(host: string): readonly string[] | undefined {
  if (host === 'any' || host === '0.0.0.0' || host === '::') return everyServer;
  if (parseIp(host) === undefined && !host.includes('/')) return undefined;
  const cidr = parseCidr(host);
  return cidr && [formatCidr(cidr)];
}
