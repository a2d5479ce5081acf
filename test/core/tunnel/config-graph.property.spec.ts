/**
 * What a loader accepts, the helper's validation accepts: the contract, the ports of a user, and everything that a configuration is
 * built into before it is in force. So `mirage check` and the helper never disagree.
 */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { silentLogger } from '../../../core/base/logger.ts';
import { finish } from '../../../core/base/steps.ts';
import { maxConfigBytes } from '../../../core/contract/config.ts';
import { methods } from '../../../core/contract/rpc.ts';
import { Health } from '../../../core/helper/health.ts';
import { assertPortsOf } from '../../../core/helper/port-rights.ts';
import { defaultResolverOptions } from '../../../core/net/resolver-options.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { largestMessage } from '../../../core/rpc/client-limits.ts';
import { encodeMessage } from '../../../core/rpc/message-stream.ts';
import { checkInSteps } from '../../../core/rpc/sliced-check.ts';
import { parseInSteps } from '../../../core/rpc/sliced-json.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { Tunnel } from '../../../core/tunnel/tunnel.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { noSockets } from '../../support/no-sockets.ts';
import { runs } from '../../support/runs.ts';
import { MemoryNative } from './memory-native.ts';

let tunnel: Tunnel;
beforeAll(() => {
  const nothing = async () => undefined;
  const never = () => () => undefined;
  tunnel = new Tunnel({
    createEngine: (options, onEvents) => new MemoryNative(options, onEvents),
    sockets: noSockets(),
    rulesLookAtSenders: () => false,
    sourceTowards: () => null,
    natTarget: () => null,
    hasOutputNat: async () => true,
    findRoute: () => null,
    findProcess: nothing,
    spareProcesses: () => undefined,
    loopGuard: { findListeners: async () => [], parentOf: () => 0 },
    destroySockets: () => 0,
    network: {
      start: nothing,
      stop: nothing,
      deviceFor: () => undefined,
      ipv6Available: () => true,
      devicesWithIpv4: () => [],
      deviceWith: () => undefined,
      defaults: () => '',
      onChange: never,
      onPolicyEvent: never,
      onOwnEvent: never,
      onOwnRemoval: never,
    },
    deviceTrouble: nothing,
    setMtu: nothing,
    routes: { missing: async () => 0, putBack: async () => 0, onDisturbed: never, apply: nothing },
    systemDns: {
      apply: nothing,
      baseServers: async () => [],
      baseOptions: async () => defaultResolverOptions,
      baseSearch: async () => [],
      onBaseChange: never,
    },
    flushCaches: nothing,
    socketUid: () => 1000,
    hostsFile: { stamp: () => '', read: () => '' },
    store: new MemoryStateStore(),
    fakeIpKey: new Uint8Array(16),
    health: new Health(),
    clock: new ManualClock(),
    log: silentLogger,
  });
});

/** As a user's request goes through the helper. Returns whether the loader has accepted it. */
function agree(text: string, lowPorts = false): boolean {
  const { config } = loadProfile(text, undefined, { lowPorts });
  if (config === undefined) return false;
  const message = { kind: 'request', id: 1, method: 'applyConfig', params: { config } };
  const bytes = encodeMessage(message).reduce((sum, frame) => sum + frame.length, 0);
  // A part's text is quoted once more.
  if (bytes < maxConfigBytes) expect(JSON.stringify(message).length).toBeLessThanOrEqual(largestMessage('applyConfig'));
  const parsed = finish(parseInSteps(JSON.stringify({ config })));
  const checked = finish(checkInSteps(methods.applyConfig.params, parsed));
  expect(checked).toMatchObject({ ok: true });
  assertPortsOf(lowPorts ? 0 : 1000, config);
  tunnel.check(config);
  return true;
}

const policy = fc.constantFrom('DIRECT', 'REJECT', 'a', 'b', 'G', 'H', 'GLOBAL', 'PASS', 'nobody', 'direct');
const name = fc.constantFrom(
  'a.example',
  '+.b.example',
  '*.lan',
  '.c.example',
  'x y',
  '',
  'localhost',
  'A.EXAMPLE.',
  '*',
  '**.d',
  'ex*mple.org',
);
const prefix = fc.constantFrom(
  '10.0.0.0/8',
  '192.0.2.7',
  '2001:db8::/32',
  '0.0.0.0/0',
  '::/0',
  '1.2.3.4/33',
  'x',
  'fe80::/10',
  '198.18.0.0/15',
);
const inner = fc.constantFrom(
  '(DOMAIN,a.example)',
  '(NETWORK,UDP)',
  '(DST-PORT,80/90-100)',
  '(GEOIP,CN)',
  '(DOMAIN-REGEX,^a.*$)',
  '(RULE-SET,s)',
  '()',
  '(OR,((DOMAIN,a),(DOMAIN,b)))',
  '(SUB-RULE,x)',
);
const rule = fc
  .oneof(
    fc.tuple(
      fc.constantFrom(
        'DOMAIN',
        'DOMAIN-SUFFIX',
        'DOMAIN-KEYWORD',
        'DOMAIN-WILDCARD',
        'GEOSITE',
        'RULE-SET',
        'PROCESS-NAME',
        'IN-NAME',
        'MATCH',
      ),
      name,
      policy,
    ),
    fc.tuple(fc.constantFrom('IP-CIDR', 'IP-CIDR6', 'SRC-IP-CIDR', 'IP-SUFFIX', 'SRC-IP-SUFFIX'), prefix, policy),
    fc.tuple(
      fc.constantFrom('DOMAIN-REGEX', 'PROCESS-NAME-REGEX', 'PROCESS-PATH-REGEX', 'PROCESS-PATH-WILDCARD'),
      fc.constantFrom('^a.*$', '(a|b){1000}', '(?=x)', '[', '(a{1,90}){1,20}', '*', 'x*?y', '\\d+'),
      policy,
    ),
    fc.tuple(
      fc.constantFrom('DST-PORT', 'SRC-PORT', 'IN-PORT', 'UID', 'DSCP'),
      fc.constantFrom('80', '1-65535', '0', '70000', '80/443', '9-3'),
      policy,
    ),
    fc.tuple(
      fc.constantFrom('GEOIP', 'IP-ASN', 'SRC-GEOIP'),
      fc.constantFrom('CN', 'lan', '!cn', '13335', 'private'),
      policy,
    ),
    fc.tuple(
      fc.constantFrom('AND', 'OR', 'NOT', 'SUB-RULE'),
      fc.array(inner, { maxLength: 3 }).map((some) => `(${some.join(',')})`),
      fc.oneof(policy, fc.constantFrom('one', 'two')),
    ),
  )
  .chain((parts) => fc.constantFrom(parts.join(','), `${parts.join(',')},no-resolve`, `${parts.join(',')},src`));
const rules = fc.array(rule, { maxLength: 6 });

const server = fc.constantFrom(
  '192.0.2.53',
  '192.0.2.53#a',
  'tls://dns.example#G',
  'https://dns.example/q#nobody',
  '192.0.2.53#RULES',
  'system',
  'tcp://[2001:db8::1]:53',
  'rcode://refused',
  'dhcp://eth0',
  '192.0.2.53#ecs=192.0.2.0/24',
  '192.0.2.53#ecs=x',
  'udp://dns.example',
  '192.0.2.53#dns64=64:ff9b::/96',
  '192.0.2.53#GLOBAL',
  '',
);
const servers = fc.array(server, { maxLength: 3 });
const host = fc.oneof(name, fc.domain());
const dns = fc.record(
  {
    'enhanced-mode': fc.constantFrom('fake-ip', 'redir-host', 'normal'),
    'fake-ip-range': fc.oneof(
      prefix,
      fc.constantFrom('198.18.0.1/16', '10.9.0.0/24', '10.9.0.0/28', '172.16.0.0/12', '203.0.113.0/25'),
    ),
    'fake-ip-range6': fc.oneof(prefix, fc.constantFrom('fdfe::/96', 'fdfe::/97', 'fc00::/18', 'fdfe::1/64')),
    'fake-ip-filter': fc.array(
      fc.oneof(host, fc.constantFrom('geosite:cn', 'rule-set:s', 'DOMAIN,a.example,real-ip')),
      { maxLength: 3 },
    ),
    'fake-ip-filter-mode': fc.constantFrom('blacklist', 'whitelist', 'rule'),
    'fake-ip-ttl': fc.integer({ min: -1, max: 4000 }),
    nameserver: servers,
    fallback: servers,
    'fallback-filter': fc.record(
      { ipcidr: fc.array(prefix, { maxLength: 2 }), domain: fc.array(host, { maxLength: 2 }), geoip: fc.boolean() },
      { requiredKeys: [] },
    ),
    'nameserver-policy': fc.dictionary(
      fc.oneof(host, fc.constantFrom('geosite:cn,private', 'rule-set:s,t', 'a.example,b.example')),
      servers,
      { maxKeys: 3 },
    ),
    'default-nameserver': servers,
    'proxy-server-nameserver': servers,
    'direct-nameserver': servers,
    'cache-max-size': fc.integer({ min: -1, max: 2_000_000 }),
  },
  { requiredKeys: [] },
);
const alias = fc.constantFrom('a.example', 'b.example', 'c.example', 'x.lan');
const profile = fc.record(
  {
    'mixed-port': fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.constantFrom(80, 1023, 1024)),
    port: fc.integer({ min: 0, max: 2000 }),
    'socks-port': fc.integer({ min: 0, max: 2000 }),
    'allow-lan': fc.boolean(),
    authentication: fc.array(fc.constantFrom('u:p', 'u', ':p', `${'u'.repeat(256)}:p`), { maxLength: 2 }),
    mode: fc.constantFrom('rule', 'global', 'direct'),
    ipv6: fc.boolean(),
    dns,
    hosts: fc.dictionary(fc.oneof(alias, host), fc.oneof(alias, fc.ipV4(), fc.array(fc.ipV6(), { maxLength: 2 })), {
      maxKeys: 4,
    }),
    sniffer: fc.record(
      {
        enable: fc.boolean(),
        sniff: fc.constant({ TLS: { ports: [443, '8000-9000', '9-3'] }, HTTP: {}, QUIC: { ports: ['x'] } }),
        'force-domain': fc.array(host, { maxLength: 2 }),
        'skip-domain': fc.array(host, { maxLength: 2 }),
        'skip-src-address': fc.array(prefix, { maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
    tun: fc.record(
      {
        device: fc.constantFrom('tun0', '0tun', 'a-name-that-is-too-long', ''),
        mtu: fc.integer({ min: 0, max: 70_000 }),
        'route-exclude-address': fc.array(prefix, { maxLength: 3 }),
        'dns-hijack': fc.array(fc.constantFrom('any:53', 'tcp://any:53', '!8.8.8.8', '0.0.0.0/0', 'x'), {
          maxLength: 2,
        }),
      },
      { requiredKeys: [] },
    ),
    proxies: fc.array(
      fc.record({
        name: fc.constantFrom('a', 'b', 'a', 'DIRECT', 'G', ''),
        type: fc.constantFrom('socks5', 'http', 'direct', 'reject', 'ss', 'x'),
        server: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', '198.18.0.9')),
        port: fc.integer({ min: 0, max: 65_536 }),
      }),
      { maxLength: 3 },
    ),
    'proxy-groups': fc.array(
      fc.record(
        {
          name: fc.constantFrom('G', 'H', 'I', 'a', 'GLOBAL', 'REJECT'),
          type: fc.constantFrom('select', 'url-test', 'fallback', 'load-balance', 'relay', 'smart'),
          proxies: fc.array(fc.oneof(policy, fc.constantFrom('I')), { maxLength: 4 }),
          'include-all': fc.boolean(),
          filter: fc.constantFrom('a', '(?i)b|c', '['),
          url: fc.constantFrom('http://x/', '', 'nonsense'),
          interval: fc.integer({ min: -1, max: 100 }),
        },
        { requiredKeys: ['name', 'type'] },
      ),
      { maxLength: 4 },
    ),
    rules,
    'sub-rules': fc.dictionary(fc.constantFrom('one', 'two', 'x'), rules, { maxKeys: 3 }),
  },
  { requiredKeys: [] },
);

test('nearly right profiles', () => {
  let accepted = 0;
  fc.assert(
    fc.property(profile, fc.boolean(), (tree, lowPorts) => {
      if (agree(stringify(tree), lowPorts)) accepted += 1;
    }),
    runs(150),
  );
  expect(accepted).toBeGreaterThan(5);
});

test.each([
  ['ports of an administrator', 'mixed-port: 80\nport: 443\nsocks-port: 1023'],
  [
    'groups in a circle',
    'proxy-groups: [{ name: G, type: select, proxies: [H] }, { name: H, type: select, proxies: [G] }]',
  ],
  ['names in a circle', 'hosts: { a.example: b.example, b.example: a.example, "*.c.example": x.c.example }'],
  ['the smallest and the largest ranges', 'dns: { fake-ip-range: 10.9.0.0/24, fake-ip-range6: "fc00::/7" }'],
  [
    'sub-rules in a circle',
    "rules: ['SUB-RULE,(NETWORK,UDP),one']\nsub-rules: { one: ['SUB-RULE,(NETWORK,UDP),one'] }",
  ],
  [
    'many expressions',
    `rules: [${Array.from({ length: 300 }, (_, i) => `'DOMAIN-REGEX,^(a|b${i}){80}$,DIRECT'`).join(', ')}]`,
  ],
  ['a server through nobody', 'dns: { nameserver: ["192.0.2.53#nobody"] }'],
])('%s', (_, text) => {
  agree(`${text}\n${/^rules/m.test(text) ? '' : 'rules: ["MATCH,DIRECT"]'}`);
});

test('a short text that stands for more than can be handed over is told, one that stands for a little less is taken', () => {
  const text = (groups: number) =>
    stringify({
      proxies: Array.from({ length: 3000 }, (_, i) => ({ name: `a node with number ${i}`, type: 'direct' })),
      'proxy-groups': Array.from({ length: groups }, (_, i) => ({
        name: `G${i}`,
        type: 'select',
        'include-all': true,
      })),
      rules: ['MATCH,DIRECT'],
    });
  expect(agree(text(10))).toBe(true);
  const { config, problems } = loadProfile(text(500));
  expect(config).toBeUndefined();
  expect(problems).toMatchObject([{ code: 'PROFILE_TOO_MUCH', severity: 'error', line: 1 }]);
});
