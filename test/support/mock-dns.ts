/** Made-up answers to questions, and the mappings and questions that are rare but must be seen. */
import type { DnsRow, MappingRow } from '../../core/contract/dns.ts';
import { isMockFakeIp, mockFakeIp, mockFakeIp6, mockName, mockSites } from './mock-traffic.ts';

type Answer = Omit<DnsRow, 'id' | 'time' | 'client' | 'process' | 'name'>;

/** How a name is answered: most with fake addresses, those of filters and lists otherwise. */
export function mockAnswer(name: string, fakeIp: string | undefined, random: () => number): Answer {
  const ms = 0.08 + random() * 0.3;
  const plain = { type: 'A', rcode: 'NOERROR', ms } as const;
  const { name: site } = mockSites.find((known) => name.endsWith(known.name)) ?? { name };
  switch (site) {
    case 'telemetry.example.org':
      return { ...plain, verdict: 'blocked', rcode: 'NXDOMAIN', answer: '' };
    case 'printer.lan':
      return { ...plain, ...from('udp://192.168.1.1:53', 2.2), verdict: 'real', answer: '192.168.1.40' };
    case 'ntp.example.net':
      return random() < 0.5
        ? { ...plain, verdict: 'cache', answer: 'pool.ntp.example, 203.0.113.123', upstream: 'tls://192.0.2.53:853' }
        : { ...plain, ...from('tls://192.0.2.53:853', 24), verdict: 'real', answer: 'pool.ntp.example, 203.0.113.123' };
    default:
      return fakeIp === undefined
        ? { ...plain, type: 'AAAA', verdict: 'local', answer: '' }
        : { ...plain, verdict: 'fake', answer: fakeIp };
  }
}

function from(upstream: string, upstreamMs: number): Pick<DnsRow, 'upstream' | 'upstreamMs' | 'ms'> {
  return { upstream, upstreamMs, ms: upstreamMs + 0.14 };
}

/** As long as a name may be. */
const longestName = `${'many-letters-'.repeat(4)}label.`.repeat(4).concat('a-final-label.example');

/** One question of every kind of answer that usual traffic has not; the newest last. */
export function rareQuestions(now: number): Omit<DnsRow, 'id'>[] {
  const asked = { client: '198.18.0.1', process: 'firefox', type: 'A', answer: '', ms: 0.2 };
  const upstream = 'tls://192.0.2.53:853';
  return [
    {
      ...asked,
      time: now - 1000,
      name: 'nas.home.example',
      verdict: 'fake',
      rcode: 'NOERROR',
      answer: mockFakeIp(90_000),
    },
    { ...asked, time: now - 900, name: 'router.example', verdict: 'hosts', rcode: 'NOERROR', answer: '192.168.1.1' },
    { ...asked, time: now - 800, name: 'www.exmaple.org', verdict: 'absent', rcode: 'NXDOMAIN', ...from(upstream, 18) },
    {
      ...asked,
      time: now - 700,
      name: 'version.bind',
      type: 'TXT',
      verdict: 'refused',
      rcode: 'NOTIMP',
      process: 'dig',
    },
    { ...asked, time: now - 600, name: 'slow.example.com', verdict: 'error', rcode: 'SERVFAIL', upstream, ms: 5003 },
    {
      ...asked,
      time: now - 550,
      name: longestName,
      type: 'AAAA',
      process: 'a-process-of-a-long-name',
      verdict: 'real',
      rcode: 'NOERROR',
      answer: `${longestName.replace('label', 'alias')}, 2001:db8:0:1234:5678:9abc:def0:1234, 2001:db8::2`,
      ...from('https://a-resolver-of-a-long-name.dns.example:8443/dns-query', 1231),
    },
    {
      ...asked,
      time: now - 520,
      name: '打印机.例子.example',
      verdict: 'fake',
      rcode: 'NOERROR',
      answer: mockFakeIp(90_003),
    },
    {
      ...asked,
      time: now - 500,
      name: 'deb.debian.org',
      process: 'apt-get',
      verdict: 'real',
      rcode: 'NOERROR',
      answer: 'debian.map.fastlydns.example, 203.0.113.132, 203.0.113.133',
      ...from('https://dns.example/dns-query', 23),
    },
    {
      time: now - 400,
      client: '',
      name: 'chat.example.com',
      type: '',
      verdict: 'recovered',
      rcode: '',
      answer: '198.19.7.61',
      ms: 0,
    },
  ];
}

/**
 * A mapping of each state that usual traffic has not, a pinned one, one with a former name, names that are hard to show.
 * Only what is of the range in use has two addresses.
 */
export function rareMappings(now: number, bothFamilies: boolean): MappingRow[] {
  const resting: MappingRow = {
    address: '',
    name: '',
    state: 'resting',
    pinned: false,
    firstSeen: now - 900_000_000,
    lastAnswered: now - 3_600_000,
    lastConnected: now - 3_590_000,
    answers: 12,
    flows: 31,
    liveFlows: 0,
    outcome: 'ok',
  };
  const unknown: MappingRow = {
    ...resting,
    state: 'unknown',
    firstSeen: 0,
    lastAnswered: 0,
    answers: 0,
    flows: 0,
    outcome: '',
  };
  const rows: MappingRow[] = [
    {
      ...resting,
      address: '198.19.255.10',
      name: mockName(500),
      state: 'free',
      lastConnected: 0,
      flows: 0,
      outcome: '',
    },
    { ...resting, address: '10.128.0.9', name: 'old-range.example.com', state: 'retired', outcome: 'DIAL_TIMEOUT' },
    {
      ...resting,
      address: mockFakeIp(90_000),
      address6: 'fdfe:dcba:9876::1:5f93',
      name: 'nas.home.example',
      state: 'live',
      pinned: true,
      lastConnected: now - 300,
      liveFlows: 2,
    },
    {
      ...resting,
      address: mockFakeIp(90_001),
      name: 'images.example.net',
      former: 'old-shop.example.org',
      lastConnected: now - 200,
    },
    {
      ...resting,
      address: mockFakeIp(90_002),
      name: longestName,
      former: longestName.replace('label', 'other'),
      pinned: true,
      lastConnected: now - 400,
      outcome: 'DIAL_NETWORK_UNREACHABLE',
    },
    { ...resting, address: mockFakeIp(90_003), name: '打印机.例子.example', lastConnected: now - 500 },
    { ...unknown, address: '198.19.7.61', lastConnected: now - 100 },
    { ...unknown, address: '198.19.7.62', lastConnected: now - 260_000 },
  ];
  return rows.map((row) =>
    bothFamilies && row.state !== 'unknown' && isMockFakeIp(row.address)
      ? { ...row, address6: mockFakeIp6(row.address) }
      : row,
  );
}
