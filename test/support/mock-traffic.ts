/** Made-up but plausible traffic: programs, names, rules and ways, the same for the same seed. */

import type { ConnectionRow, MatchedRule, PolicyWay } from '../../core/contract/flow.ts';
import type { RuleRow } from '../../core/contract/rpc.ts';
import type { RuleType } from '../../core/contract/rule-types.ts';

export interface MockSite {
  readonly name: string;
  /** Place in `mockRules`. */
  readonly rule: number;
  readonly port: number;
  readonly network: 'tcp' | 'udp';
}

export const mockRules: readonly (RuleRow & { type: RuleType })[] = [
  ['DOMAIN-SUFFIX', 'lan', 'DIRECT', true],
  ['DOMAIN', 'telemetry.example.org', 'REJECT', true],
  ['DOMAIN-KEYWORD', 'adservice', 'REJECT', true],
  ['DOMAIN-SUFFIX', 'github.com', 'HK-01', true],
  ['DOMAIN-SUFFIX', 'githubusercontent.com', 'HK-01', true],
  ['DOMAIN-SUFFIX', 'youtube.com', 'Streaming', true],
  ['DOMAIN-SUFFIX', 'googlevideo.com', 'Streaming', true],
  ['DOMAIN-SUFFIX', 'debian.org', 'DIRECT', true],
  ['DOMAIN-SUFFIX', 'bilibili.com', 'DIRECT', true],
  ['IP-CIDR', '10.0.0.0/8', 'DIRECT', true],
  ['IP-CIDR', '203.0.113.0/24', 'DIRECT', false],
  ['IP-CIDR6', '2001:db8::/32', 'DIRECT', false],
  ['DST-PORT', '123', 'DIRECT', true],
  ['MATCH', '', 'HK-01', true],
].map(([type, payload, policy, noResolve], index) => ({
  index,
  type: type as RuleType,
  payload: String(payload),
  policy: String(policy),
  way: mockWay(String(policy)),
  noResolve: noResolve === true && type !== 'MATCH',
  hits: (index * 7919) % 613,
  misses: (index * 31) % 977,
  off: false,
}));

export const mockSites: readonly MockSite[] = [
  { name: 'api.github.com', rule: 3, port: 443, network: 'tcp' },
  { name: 'codeload.github.com', rule: 3, port: 443, network: 'tcp' },
  { name: 'objects.githubusercontent.com', rule: 4, port: 443, network: 'tcp' },
  { name: 'www.youtube.com', rule: 5, port: 443, network: 'udp' },
  { name: 'rr4---sn-i3belney.googlevideo.com', rule: 6, port: 443, network: 'udp' },
  { name: 'deb.debian.org', rule: 7, port: 80, network: 'tcp' },
  { name: 'www.bilibili.com', rule: 8, port: 443, network: 'tcp' },
  { name: 'upos-sz-mirror08c.bilibili.com', rule: 8, port: 443, network: 'tcp' },
  { name: 'telemetry.example.org', rule: 1, port: 443, network: 'tcp' },
  { name: 'printer.lan', rule: 0, port: 631, network: 'tcp' },
  { name: 'ntp.example.net', rule: 12, port: 123, network: 'udp' },
  { name: 'registry.npmjs.org', rule: 13, port: 443, network: 'tcp' },
  { name: 'static.crates.io', rule: 13, port: 443, network: 'tcp' },
  { name: 'zh.wikipedia.org', rule: 13, port: 443, network: 'tcp' },
  { name: 'xn--fsqu00a.example', rule: 13, port: 443, network: 'tcp' },
  {
    name: 'a-rather-long-subdomain.of.some-content-delivery-network.example.com',
    rule: 13,
    port: 8443,
    network: 'tcp',
  },
];

const programs: readonly (readonly [name: string, path: string, uid: number])[] = [
  ['firefox', '/usr/lib/firefox/firefox', 1000],
  ['chromium', '/usr/lib/chromium/chromium', 1000],
  ['curl', '/usr/bin/curl', 1000],
  ['git-remote-https', '/usr/lib/git-core/git-remote-https', 1000],
  ['node', '/usr/bin/node', 1000],
  ['apt-get', '/usr/bin/apt-get', 0],
  ['chronyd', '/usr/sbin/chronyd', 103],
  ['telegram-desktop', '/usr/bin/telegram-desktop', 1000],
];

/** A small linear congruential generator: 0 <= value < 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The fake address of a number, in 198.18.0.0/15. */
export const mockFakeRange = '198.18.0.0/15';
export const mockFakeRange6 = 'fdfe:dcba:9877::/96';

export function mockFakeIp(number: number): string {
  const value = 3 + (number % 131_000);
  return `198.${18 + (value >> 16)}.${(value >> 8) & 255}.${value & 255}`;
}

/** Whether it is of `mockFakeRange`. */
export function isMockFakeIp(address: string): boolean {
  return /^198\.1[89]\./.test(address);
}

/** The IPv6 address that goes with it, of `mockFakeRange6`. */
export function mockFakeIp6(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `fdfe:dcba:9877::${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** The `number`th name: the sites first, then numbered hosts. */
export function mockName(number: number): string {
  const site = mockSites[number % mockSites.length];
  return number < mockSites.length ? (site?.name ?? '') : `host-${number}.${site?.name ?? ''}`;
}

/** Chain from the leaf to the outermost group. */
function chainOf(policy: string): string[] {
  if (policy === 'HK-01') return ['HK-01', 'Proxy'];
  return policy === 'Streaming' ? ['JP-03', 'Streaming', 'Proxy'] : [policy];
}

/** As the helper's outbounds say it of themselves. */
export function mockWay(policy: string): PolicyWay {
  if (policy === 'DIRECT') return 'direct';
  return policy === 'REJECT' ? 'rejected' : 'proxied';
}

/** An open connection to the `number`th name. */
export function mockConnection(number: number, openedAt: number, random: () => number): ConnectionRow {
  const site = mockSites[number % mockSites.length];
  const program = programs[Math.floor(random() * programs.length)];
  if (site === undefined || program === undefined) throw new Error('the lists are not empty');
  const rule = mockRules[site.rule];
  const matched: MatchedRule = {
    index: site.rule,
    type: rule?.type ?? 'MATCH',
    payload: rule?.payload ?? '',
    policy: rule?.policy ?? 'DIRECT',
  };
  const chain = chainOf(matched.policy);
  const rejected = matched.policy === 'REJECT';
  const inbound = random() < 0.08 ? 'mixed' : 'tun';
  const bare = number % 23 === 22;
  const [name, path, uid] = program;
  return {
    id: String(number),
    network: site.network,
    inbound,
    source: { host: inbound === 'tun' ? '198.18.0.1' : '127.0.0.1', port: 32_768 + (number % 28_000) },
    destination: { host: bare ? `203.0.113.${number % 250}` : mockName(number), port: site.port },
    ...(bare
      ? {}
      : inbound === 'mixed'
        ? { domainSource: 'inbound' }
        : { domainSource: 'fake-ip', fakeIp: mockFakeIp(number) }),
    process: { pid: 1200 + (number % 4000), uid, name, path },
    rule: matched,
    chain,
    way: mockWay(matched.policy),
    ...(rejected
      ? {}
      : {
          remote: matched.policy === 'DIRECT' ? `203.0.113.${number % 250}` : '192.0.2.7:1080',
          dialMs: 4 + (number % 180),
          firstByteMs: 30 + (number % 400),
        }),
    state: rejected ? 'closed' : 'open',
    up: rejected ? 0 : Math.floor(random() * 40_000),
    down: rejected ? 0 : Math.floor(random() * 4_000_000),
    openedAt,
    ...(rejected
      ? {
          closedAt: openedAt + 1,
          closeReason: 'rejected',
          error: { code: 'DIAL_REJECTED', message: 'rule 2 says REJECT' },
        }
      : {}),
  };
}
