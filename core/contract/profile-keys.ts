/**
 * The keys of a profile that are read, with what may stand behind each: the one table that explanations, completion in the editor
 * and that of shells come from. Its meaning in words is in `key-texts.ts`; keys that change nothing are in `profile-notes.ts`. A
 * test holds it to what the readers of `core/profile` take and refuse.
 */
import { type KeyTextPath, keyTexts } from './key-texts.ts';
import type { HintCode } from './problem-texts.ts';
import type { KeyUnit, KeyValue, ProfileKey } from './profile-key.ts';
import { profileNotes } from './profile-notes.ts';

const flag: KeyValue = { kind: 'boolean' };
const maxSafe = Number.MAX_SAFE_INTEGER;
const integer = (min: number, max: number, unit?: KeyUnit): KeyValue => ({
  kind: 'integer',
  min,
  max,
  ...(unit === undefined ? {} : { unit }),
});
const words = (...all: readonly string[]): KeyValue => ({ kind: 'words', words: all });
const other =
  (kind: 'text' | 'list' | 'map') =>
  (hint?: HintCode): KeyValue => ({ kind, ...(hint === undefined ? {} : { hint }) });
const text = other('text');
const list = other('list');
const map = other('map');

type Options = Pick<ProfileKey, 'only' | 'note' | 'harmless'>;

function key(path: KeyTextPath, value: KeyValue, usual: string, example: string, options: Options = {}): ProfileKey {
  return { path, value, usual, example, ...options };
}

const readKeys: readonly ProfileKey[] = [
  key('mixed-port', integer(0, 65_535), 'none: no port is opened', '7890'),
  key('port', integer(0, 65_535), 'none', '7890'),
  key('socks-port', integer(0, 65_535), 'none', '7891'),
  key('allow-lan', flag, 'false', 'true'),
  key('allow-lan-without-users', flag, 'false', 'true'),
  key('bind-address', text('ADDRESS_OR_ALL'), '127.0.0.1, with allow-lan all', '"*"'),
  key('authentication', list('USER'), 'none', '["me:a-password"]'),
  key('lan-allowed-ips', list('PREFIX'), 'all', '[192.168.0.0/16]'),
  key('lan-disallowed-ips', list('PREFIX'), 'none', '[192.168.1.7/32]'),
  key('log-level', words('debug', 'info', 'warning', 'error', 'silent'), 'info', 'warning'),
  key('mode', words('rule', 'global', 'direct'), 'rule', 'rule'),
  key('ipv6', flag, 'as the network has it', 'true'),
  key('global-ua', text(), 'this app and its version', 'clash.meta'),
  key('geodata-mode', flag, 'false', 'true'),
  key('geo-auto-update', flag, 'false', 'true'),
  key('geo-update-interval', integer(1, 744, 'h'), '24', '48'),
  key('geodata-loader', words('standard', 'memconservative'), '-', 'standard', { harmless: true }),
  key('geosite-matcher', words('succinct', 'mph'), '-', 'succinct', { harmless: true }),
  key('geox-url', map(), 'the addresses of MetaCubeX', '{geosite: "https://geo.example/geosite.dat"}'),
  key('geox-url.geosite', text('ADDRESS_OF_FILE'), 'of MetaCubeX', 'https://geo.example/geosite.dat'),
  key('geox-url.geoip', text('ADDRESS_OF_FILE'), 'of MetaCubeX', 'https://geo.example/geoip.dat'),
  key('geox-url.mmdb', text('ADDRESS_OF_FILE'), 'of MetaCubeX', 'https://geo.example/country.mmdb'),
  key('geox-url.asn', text('ADDRESS_OF_FILE'), 'of MetaCubeX', 'https://geo.example/ASN.mmdb'),
  key('hosts', map('HOST'), 'none', '{nas.example: 192.168.1.5}'),
  key('dns', map(), 'as the built-in default', '{enhanced-mode: fake-ip}'),
  key('dns.enable', flag, 'true', 'true', { note: 'NOTE_DNS_ENABLE' }),
  key('dns.enhanced-mode', words('fake-ip', 'redir-host', 'normal'), 'fake-ip', 'fake-ip'),
  key('dns.fake-ip-range', text('RANGE'), '198.18.0.0/15', '198.18.0.1/16'),
  key('dns.fake-ip-range6', text('RANGE6'), 'none', 'fdfe:dcba:9876::/64'),
  key('dns.ipv6', flag, 'true', 'false'),
  key('dns.fake-ip-filter', list('PATTERN'), 'none', '["*.lan", "+.local"]'),
  key('dns.fake-ip-filter-mode', words('blacklist', 'whitelist', 'rule'), 'blacklist', 'blacklist'),
  key('dns.fake-ip-ttl', integer(0, 3600, 's'), '1', '5'),
  key('dns.nameserver', list('NAMESERVER'), 'the servers of the system', '[https://dns.example/dns-query]'),
  key('dns.fallback', list('NAMESERVER'), 'none', '[tls://192.0.2.54]'),
  key('dns.default-nameserver', list('ADDRESSES'), 'the servers of the system', '[192.0.2.53]'),
  key('dns.proxy-server-nameserver', list('NAMESERVER'), 'as nameserver', '[192.0.2.53]'),
  key('dns.direct-nameserver', list('NAMESERVER'), 'as nameserver', '[system]'),
  key('dns.remote-nameserver', list('NAMESERVER'), 'public servers', '[https://192.0.2.53/dns-query]'),
  key('dns.nameserver-policy', map('NAMESERVER'), 'none', '{"+.corp.example": 10.0.0.53}'),
  key('dns.fallback-filter', map(), 'private and reserved addresses', '{ipcidr: [240.0.0.0/4]}'),
  key('dns.fallback-filter.ipcidr', list('PREFIX'), 'private and reserved addresses', '[240.0.0.0/4]'),
  key('dns.fallback-filter.domain', list('PATTERN'), 'none', '["+.example.com"]'),
  key('dns.truthful', flag, 'true', 'true'),
  key('dns.block-doh', flag, 'false', 'true'),
  key('dns.use-hosts', flag, 'true', 'true'),
  key('dns.use-system-hosts', flag, 'true', 'false'),
  key('dns.cache-max-size', integer(0, 1_000_000), '4096', '8192'),
  key('dns.respect-rules', flag, 'false', 'true'),
  key('dns.ca', text('CERTIFICATE'), 'none', '-'),
  key('sniffer', map(), '-', '{enable: true}'),
  key('sniffer.enable', flag, 'false', 'true'),
  key('sniffer.sniff', map(), 'TLS, HTTP and QUIC', '{TLS: {ports: [443]}}'),
  key('sniffer.sniff.TLS', map(), '443, 8443', '{ports: [443, 8443]}'),
  key('sniffer.sniff.TLS.ports', list('PORT'), '443, 8443', '[443, 8443]'),
  key('sniffer.sniff.HTTP', map(), '80, 8080-8880', '{ports: [80]}'),
  key('sniffer.sniff.HTTP.ports', list('PORT'), '80, 8080-8880', '[80, 8080-8880]'),
  key('sniffer.sniff.QUIC', map(), '443, 8443', '{ports: [443]}'),
  key('sniffer.sniff.QUIC.ports', list('PORT'), '443, 8443', '[443]'),
  key('sniffer.sniffing', list('TEXT'), 'as sniff', '[tls, http]'),
  key('sniffer.port-whitelist', list('PORT'), 'as sniff', '[443, 80]'),
  key('sniffer.force-domain', list('PATTERN'), 'none', '["+.example.com"]'),
  key('sniffer.skip-domain', list('PATTERN'), '+.push.apple.com', '["+.example.com"]'),
  key('sniffer.skip-src-address', list('PREFIX'), 'none', '[192.168.0.3/32]'),
  key('sniffer.skip-dst-address', list('PREFIX'), 'none', '[192.0.2.0/24]'),
  key('tun', map(), 'as the built-in default', '{mtu: 9000}'),
  key('tun.device', text('DEVICE'), 'mirage0', 'mirage0'),
  key('tun.mtu', integer(1280, 65_535, 'bytes'), '9000', '9000'),
  key('tun.gso', flag, 'true', 'true'),
  key('tun.strict-route', flag, 'false', 'true'),
  key('tun.auto-route', flag, 'true', 'true', { note: 'NOTE_TUN_ROUTING' }),
  key('tun.route-exclude-address', list('PREFIX'), 'none', '[10.0.0.0/8]'),
  key('tun.inet4-route-exclude-address', list('PREFIX'), 'none', '[10.0.0.0/8]'),
  key('tun.inet6-route-exclude-address', list('PREFIX'), 'none', '[fd00::/8]'),
  key('tun.dns-hijack', list('HIJACK'), 'any server', '[any:53]'),
  key('proxies', list('PROXIES'), 'none', '[{name: A, type: socks5, server: 192.0.2.1, port: 1080}]'),
  key('proxies[].name', text('PROXY_NAME'), 'needed', 'A'),
  key('proxies[].type', text(), 'needed', 'socks5'),
  key('proxies[].server', text('PROXY_SERVER'), 'needed', '192.0.2.1'),
  key('proxies[].port', integer(1, 65_535), 'needed', '1080'),
  key('proxies[].username', text('BYTES_255'), 'none', 'me'),
  key('proxies[].password', text('BYTES_255'), 'none', 'a-password'),
  key('proxies[].udp', flag, 'false', 'true'),
  key('proxy-groups', list('GROUPS'), 'none', '[{name: G, type: select, proxies: [DIRECT]}]'),
  key('proxy-groups[].name', text('GROUP_NAME'), 'needed', 'Auto'),
  key('proxy-groups[].type', words('select', 'url-test', 'fallback', 'load-balance', 'relay'), 'needed', 'url-test'),
  key('proxy-groups[].proxies', list('MEMBERS'), 'none', '[DIRECT]'),
  key('proxy-groups[].use', list('PROVIDERS'), 'none', '[provider]'),
  key('proxy-groups[].include-all', flag, 'false', 'true'),
  key('proxy-groups[].include-all-proxies', flag, 'false', 'true'),
  key('proxy-groups[].include-all-providers', flag, 'false', 'true'),
  key('proxy-groups[].filter', text(), 'all', '(?i)jp'),
  key('proxy-groups[].exclude-filter', text(), 'none', '(?i)expire'),
  key('proxy-groups[].exclude-type', text(), 'none', '"http|socks5"'),
  key('proxy-groups[].url', text(), 'https://www.gstatic.com/generate_204', 'https://www.gstatic.com/generate_204'),
  key('proxy-groups[].interval', integer(0, 31_536_000, 's'), '300, of select 0', '300'),
  key('proxy-groups[].timeout', integer(0, 600_000, 'ms'), '5000', '5000'),
  key('proxy-groups[].tolerance', integer(0, 65_535, 'ms'), '0', '50', { only: 'url-test' }),
  key('proxy-groups[].lazy', flag, 'true', 'false'),
  key('proxy-groups[].expected-status', text('STATUS'), '*', '204'),
  key(
    'proxy-groups[].strategy',
    words('consistent-hashing', 'round-robin', 'sticky-sessions'),
    'consistent-hashing',
    'round-robin',
    { only: 'load-balance' },
  ),
  key('proxy-groups[].default-selected', text(), 'the first', 'DIRECT', { only: 'select' }),
  key('proxy-groups[].empty-fallback', text(), 'refused', 'DIRECT'),
  key('proxy-groups[].disable-udp', flag, 'false', 'true'),
  key('proxy-groups[].hidden', flag, 'false', 'true'),
  key('proxy-groups[].icon', text(), 'none', 'https://icon.example/a.png'),
  key('proxy-providers', map(), 'none', '{p: {type: http, url: "https://sub.example/p"}}'),
  key('proxy-providers.*.type', words('http', 'file', 'inline'), 'by its keys', 'http'),
  key('proxy-providers.*.url', text('ADDRESS_OF_FILE'), 'needed for http', 'https://sub.example/p'),
  key('proxy-providers.*.path', text('PATH_OF_FILE'), 'own cache', './p.yaml'),
  key('proxy-providers.*.interval', integer(0, maxSafe, 's'), '86400', '3600'),
  key('proxy-providers.*.size-limit', integer(0, maxSafe, 'bytes'), '0', '1048576'),
  key('proxy-providers.*.header', map(), 'none', '{User-Agent: [clash.meta]}'),
  key('proxy-providers.*.proxy', text(), 'the rules', 'DIRECT'),
  key('proxy-providers.*.payload', list('PROXIES'), 'none', '[{name: I, type: direct}]'),
  key('proxy-providers.*.dialer-proxy', text(), 'none', 'DIRECT'),
  key('proxy-providers.*.filter', text(), 'all', '(?i)jp'),
  key('proxy-providers.*.exclude-filter', text(), 'none', '(?i)expire'),
  key('proxy-providers.*.exclude-type', text(), 'none', 'http'),
  key('proxy-providers.*.override', map(), 'none', '{additional-prefix: "p "}'),
  key('proxy-providers.*.override.additional-prefix', text(), 'none', '"p "'),
  key('proxy-providers.*.override.additional-suffix', text(), 'none', '" p"'),
  key('proxy-providers.*.override.proxy-name', list('MAP'), 'none', '[{pattern: a, target: b}]'),
  key('proxy-providers.*.override.udp', text(), 'as the node', 'true'),
  key('proxy-providers.*.override.tfo', text(), 'as the node', 'true'),
  key('proxy-providers.*.override.mptcp', text(), 'as the node', 'true'),
  key('proxy-providers.*.override.udp-over-tcp', text(), 'as the node', 'true'),
  key('proxy-providers.*.override.up', text(), 'as the node', '"10 Mbps"'),
  key('proxy-providers.*.override.down', text(), 'as the node', '"50 Mbps"'),
  key('proxy-providers.*.override.dialer-proxy', text(), 'as the node', 'DIRECT'),
  key('proxy-providers.*.override.skip-cert-verify', text(), 'as the node', 'true'),
  key('proxy-providers.*.override.interface-name', text(), 'as the node', 'eth0'),
  key('proxy-providers.*.override.routing-mark', text(), 'as the node', '1'),
  key('proxy-providers.*.override.ip-version', text(), 'as the node', 'ipv4'),
  key('proxy-providers.*.health-check', map(), 'none', '{enable: true, interval: 300}'),
  key('proxy-providers.*.health-check.enable', flag, 'true', 'true'),
  key('proxy-providers.*.health-check.url', text(), 'as groups', 'https://www.gstatic.com/generate_204'),
  key('proxy-providers.*.health-check.interval', integer(0, 31_536_000, 's'), '300', '600'),
  key('proxy-providers.*.health-check.timeout', integer(0, 600_000, 'ms'), '5000', '5000'),
  key('proxy-providers.*.health-check.lazy', flag, 'true', 'true'),
  key('proxy-providers.*.health-check.expected-status', text('STATUS'), '*', '204'),
  key('rule-providers', map(), 'none', '{r: {type: http, behavior: domain, url: "https://r.example/r"}}'),
  key('rule-providers.*.type', words('http', 'file', 'inline'), 'by its keys', 'http'),
  key('rule-providers.*.behavior', words('domain', 'ipcidr', 'classical'), 'needed', 'domain'),
  key('rule-providers.*.format', words('yaml', 'text', 'mrs'), 'yaml', 'yaml'),
  key('rule-providers.*.url', text('ADDRESS_OF_FILE'), 'needed for http', 'https://r.example/r.yaml'),
  key('rule-providers.*.path', text('PATH_OF_FILE'), 'own cache', './r.yaml'),
  key('rule-providers.*.interval', integer(0, maxSafe, 's'), '86400', '3600'),
  key('rule-providers.*.size-limit', integer(0, maxSafe, 'bytes'), '0', '1048576'),
  key('rule-providers.*.header', map(), 'none', '{User-Agent: [clash.meta]}'),
  key('rule-providers.*.proxy', text(), 'the rules', 'DIRECT'),
  key('rule-providers.*.payload', list('TEXT'), 'none', '["+.example.com"]'),
  key('rules', list('RULE'), 'everything DIRECT', '["MATCH,DIRECT"]'),
  key('sub-rules', map('RULES'), 'none', '{sub: ["MATCH,DIRECT"]}'),
];

/** Those that change nothing, without a meaning in words: their note says why. */
const notedKeys: readonly ProfileKey[] = Object.entries(profileNotes).flatMap(([section, notes]) =>
  Object.entries(notes).map(([name, note]) => ({
    path: section === '' ? name : `${section}.${name}`,
    value: { kind: 'text' },
    usual: '',
    example: '...',
    note,
  })),
);

export const profileKeys: readonly ProfileKey[] = [...readKeys, ...notedKeys];

/** What a key means, in English; undefined for one that changes nothing. */
export function keyText(path: string): string | undefined {
  return isDescribed(path) ? keyTexts[path] : undefined;
}

export function isDescribed(path: string): path is KeyTextPath {
  return Object.hasOwn(keyTexts, path);
}
