import { describe, expect, test, vi } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { RuleConfig } from '../../../core/contract/config.ts';
import { ruleTraceSchema } from '../../../core/contract/flow.ts';
import { ruleRowSchema } from '../../../core/contract/rpc.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';
import { parseRule } from '../../../core/rule/rule-parser.ts';

function rules(...lines: string[]): RuleConfig[] {
  return lines.map((line) => {
    const parsed = parseRule(line);
    return parsed.kind === 'rule' ? parsed.rule : expect.unreachable(`${line}: ${parsed.note.code}`);
  });
}

function flow(host: string, port = 443, more: Partial<Metadata> = {}): Metadata {
  return {
    network: 'tcp',
    inbound: 'tun',
    source: { host: '198.18.0.1', port: 40_000 },
    destination: { host, port },
    originalDestination: { host: '198.18.0.9', port },
    ...more,
  };
}

const nobodyAsks = (name: string): Promise<never> => expect.unreachable(`asked for ${name}`);

/** The index decided for a destination; fails if an address was asked for. */
function decide(engine: RuleEngine, host: string, port?: number): number {
  const match = engine.match(flow(host, port), nobodyAsks);
  return match instanceof Promise ? expect.unreachable('not synchronous') : match.rule.index;
}

describe('conformance: which of the rules decides', () => {
  test.each([
    [
      'DOMAIN,www.example.com,x',
      { 'www.example.com': 0, 'WWW.EXAMPLE.COM.': 0, 'example.com': -1, 'a.www.example.com': -1 },
    ],
    ['DOMAIN-SUFFIX,Example.com,x', { 'example.com': 0, 'a.b.example.com': 0, 'badexample.com': -1, com: -1 }],
    ['DOMAIN-SUFFIX,com,x', { 'example.com': 0, com: 0, 'com.example': -1 }],
    ['DOMAIN-KEYWORD,Goo,x', { 'www.google.com': 0, goo: 0, 'go.o.com': -1 }],
    ['DOMAIN-KEYWORD,1,x', { '1.example': 0, '10.1.1.1': -1 }],
    ['DOMAIN-SUFFIX,münchen.example,x', { 'www.xn--mnchen-3ya.example': 0, 'MÜNCHEN.example': 0 }],
    [
      'IP-CIDR,10.0.0.0/8,x',
      { '10.0.0.0': 0, '10.255.255.255': 0, '11.0.0.0': -1, '::ffff:10.0.0.1': 0, '2001:db8::1': -1 },
    ],
    ['IP-CIDR,10.1.2.3/8,x', { '10.200.0.1': 0 }],
    ['IP-CIDR,0.0.0.0/0,x', { '0.0.0.0': 0, '255.255.255.255': 0, '::1': -1 }],
    ['IP-CIDR6,2001:db8::/32,x', { '2001:db8:ffff::1': 0, '2001:DB8::1': 0, '2001:db9::': -1, '32.1.13.184': -1 }],
    ['IP-CIDR6,10.0.0.0/8,x', { '10.0.0.1': 0 }],
    ['IP-CIDR,10.0.0.0/8,x,no-resolve', { '10.0.0.1': 0, 'name.example': -1 }],
    ['MATCH,x', { 'a.example': 0, '192.0.2.1': 0, '::1': 0 }],
  ])('%s', (line, cases) => {
    const engine = new RuleEngine(rules(line));
    expect(Object.fromEntries(Object.keys(cases).map((host) => [host, decide(engine, host)]))).toEqual(cases);
  });

  test('DST-PORT', () => {
    const engine = new RuleEngine(rules('DST-PORT,22/80-82,x'));
    expect([21, 22, 23, 79, 80, 81, 82, 83].map((port) => decide(engine, 'a.example', port))).toEqual([
      -1, 0, -1, -1, 0, 0, 0, -1,
    ]);
  });

  test('the first hit wins across all types', () => {
    const engine = new RuleEngine(
      rules(
        'DST-PORT,22,a',
        'DOMAIN-KEYWORD,ads,b',
        'DOMAIN,ok.ads.example,c',
        'IP-CIDR,10.0.0.0/8,d,no-resolve',
        'DOMAIN-SUFFIX,example,e',
        'DOMAIN,www.example,f',
        'IP-CIDR,10.1.0.0/16,g,no-resolve',
        'MATCH,h',
        'DOMAIN,late.test,i',
      ),
    );
    expect(decide(engine, 'ok.ads.example')).toBe(1);
    expect(decide(engine, 'ok.ads.example', 22)).toBe(0);
    expect(decide(engine, 'www.example')).toBe(4);
    expect(decide(engine, '10.1.0.1')).toBe(3);
    expect(decide(engine, 'late.test')).toBe(7);
  });

  test('no rule matches: NONE, DIRECT', () => {
    expect(new RuleEngine([]).match(flow('a.example'), nobodyAsks)).toEqual({
      rule: { index: -1, type: 'NONE', payload: '', policy: 'DIRECT' },
    });
  });
});

describe('addresses of names', () => {
  const engine = new RuleEngine(
    rules(
      'DOMAIN,early.example,a',
      'IP-CIDR,10.0.0.0/8,b,no-resolve',
      'IP-CIDR,10.1.0.0/16,c',
      'IP-CIDR,10.2.0.0/16,d,no-resolve',
      'IP-CIDR,10.3.0.0/16,e',
      'DOMAIN,late.example,f',
    ),
  );

  test.each([
    ['10.1.0.1', 2],
    ['10.2.0.1', 3],
    ['10.3.0.1', 4],
    ['10.4.0.1', -1],
    ['2001:db8::1', -1],
  ])('%s decides by rule %i; asked once, never for the no-resolve rule before', async (ip, index) => {
    const resolve = vi.fn(async () => ip);
    const match = engine.match(flow('www.example'), resolve);
    expect(match).toBeInstanceOf(Promise);
    expect(await match).toMatchObject({ rule: { index }, resolved: ip });
    expect(resolve.mock.calls).toEqual([['www.example']]);
  });

  test('a hit before the first asking rule asks nothing', () => {
    expect(decide(engine, 'early.example')).toBe(0);
    expect(decide(engine, '10.4.0.1')).toBe(1);
  });

  test('a later hit still has to ask, and holds when no address rule matches', async () => {
    const resolve = vi.fn(async () => '192.0.2.1');
    expect(await engine.match(flow('late.example'), resolve)).toMatchObject({
      rule: { index: 5 },
      resolved: '192.0.2.1',
    });
    expect(resolve).toHaveBeenCalledOnce();
  });

  test.each([
    ['finds nothing', async () => undefined],
    ['rejects', async () => Promise.reject(new Error('no upstream'))],
    [
      'throws',
      () => {
        throw new Error('no upstream');
      },
    ],
  ])('a look-up that %s: address rules do not match', async (_, resolve) => {
    expect(await engine.match(flow('late.example'), resolve)).toEqual({
      rule: { index: 5, type: 'DOMAIN', payload: 'late.example', policy: 'f' },
      asked: {},
    });
  });

  test('the fake address is never tested; a sniffed or remembered name comes with its real one', () => {
    const fakes = new RuleEngine(rules('IP-CIDR,198.18.0.0/15,fake,no-resolve'));
    const destination = { host: 'a.example', port: 443 };
    const index = (domainSource: Metadata['domainSource'] & string) => {
      const match = fakes.match(flow('a.example', 443, { destination, domainSource }), nobodyAsks);
      return match instanceof Promise ? undefined : match.rule.index;
    };
    expect([index('fake-ip'), index('inbound'), index('sniffed'), index('redir-host')]).toEqual([-1, -1, 0, 0]);
  });

  test('a sniffed name of a flow to a fake address has no address', () => {
    const fakes = new RuleEngine(rules('IP-CIDR,198.18.0.0/15,fake,no-resolve'));
    const recovered = flow('a.example', 443, { domainSource: 'sniffed', fakeIp: '198.18.0.9' });
    expect(fakes.match(recovered, nobodyAsks)).toMatchObject({ rule: { index: -1 } });
  });

  test('what a bare address takes, and whether its name could change that', () => {
    const bare = (host: string, port = 443) =>
      new RuleEngine(
        rules('IP-CIDR,10.0.0.0/8,lan', 'DST-PORT,22,ssh', 'DOMAIN,a.example,x', 'IP-CIDR,192.0.2.0/24,y', 'MATCH,z'),
      ).byAddress(flow(host, port));
    expect(bare('10.1.1.1')).toEqual({ policy: 'lan', certain: true });
    expect(bare('192.0.2.1', 22)).toEqual({ policy: 'ssh', certain: true });
    expect(bare('192.0.2.1')).toEqual({ policy: 'y', certain: false });
    expect(bare('203.0.113.1')).toEqual({ policy: 'z', certain: false });
    expect(new RuleEngine(rules('MATCH,z', 'DOMAIN,a.example,x')).byAddress(flow('203.0.113.1')).certain).toBe(true);
    expect(new RuleEngine([]).byAddress(flow('203.0.113.1'))).toEqual({ policy: 'DIRECT', certain: true });
  });

  test('what a flow takes without a look-up: rules on the address of a name are passed over', () => {
    const all = rules('IP-CIDR,10.0.0.0/8,lan', 'DST-PORT,22,ssh', 'DOMAIN,a.example,x', 'MATCH,z');
    const told = (host: string, port = 443) => new RuleEngine(all).withoutLookup(flow(host, port));
    expect([told('a.example'), told('a.example', 22), told('10.1.1.1', 22), told('b.example')]).toEqual([
      'x',
      'ssh',
      'lan',
      'z',
    ]);
    expect(new RuleEngine([]).withoutLookup(flow('a.example'))).toBe('DIRECT');
  });

  test('which policies a name can get is told of an international one as of any other, written either way', () => {
    const named = new RuleEngine(rules('DOMAIN,b\u00FCcher.example,dante', 'MATCH,DIRECT'));
    for (const name of ['b\u00FCcher.example', 'xn--bcher-kva.example']) {
      expect(named.byName(name)).toEqual({ policy: 'dante', named: true, before: [] });
    }
    expect(named.byName('other.example')).toEqual({ policy: 'DIRECT', named: false, before: [] });
    const maybe = new RuleEngine(
      rules(
        'DST-PORT,22,ssh',
        'IP-CIDR,10.0.0.0/8,lan,no-resolve',
        'DST-PORT,25,ssh',
        'IP-CIDR,192.0.2.0/24,y',
        'MATCH,z',
      ),
    );
    expect(maybe.byName('a.example')).toEqual({ policy: 'z', named: false, before: ['ssh', 'y'] });
    expect(new RuleEngine([]).byName('a.example')).toEqual({ policy: 'DIRECT', named: false, before: [] });
  });

  test('the program must be known only where a rule about it comes first', () => {
    const list = rules('DOMAIN,a.example,x', 'PROCESS-NAME,curl,y', 'DOMAIN,b.example,z', 'MATCH,w');
    const engine = new RuleEngine(list);
    expect(engine.needsProcess(flow('a.example'))).toBe(false);
    expect(engine.needsProcess(flow('b.example'))).toBe(true);
    // What a policy cannot carry goes on to the rules below.
    expect(engine.needsProcess(flow('a.example'), 1)).toBe(true);
    expect(engine.needsProcess(flow('a.example'), 2)).toBe(false);
    const logic = new RuleEngine(rules('AND,((DST-PORT,80),(PROCESS-NAME,curl)),x', 'GEOIP,lan,y', 'MATCH,z'));
    expect(logic.needsProcess(flow('a.example', 80))).toBe(true);
    expect(logic.needsProcess(flow('a.example', 443))).toBe(false);
  });

  test('what is not known of a name before somebody connects leaves it undecided', () => {
    const list = ['SRC-IP-CIDR,10.0.0.0/8', 'SRC-PORT,53', 'NETWORK,udp', 'PROCESS-NAME,curl', 'PROCESS-PATH,/bin/x'];
    for (const rule of list) {
      const engine = new RuleEngine(rules('DOMAIN,a.example,x', `${rule},y`, 'DOMAIN-REGEX,^b[.],z', 'MATCH,w'));
      expect(engine.byName('a.example')).toEqual({ policy: 'x', named: true, before: [] });
      expect(engine.byName('b.example')).toEqual({ policy: 'z', named: true, before: ['y'] });
      expect(engine.byName('c.example')).toEqual({ policy: 'w', named: false, before: ['y'] });
    }
  });
});

describe('rows', () => {
  test('hits are counted by match, not by explain', async () => {
    const engine = new RuleEngine(rules('DOMAIN,a.example,x', 'IP-CIDR,10.0.0.0/8,y', 'MATCH,z'));
    decide(engine, 'a.example');
    decide(engine, 'a.example');
    await engine.match(flow('b.example'), async () => '10.0.0.1');
    await engine.explain(flow('a.example'), nobodyAsks);
    expect(engine.rows()).toEqual([
      { index: 0, type: 'DOMAIN', payload: 'a.example', policy: 'x', noResolve: false, hits: 2, misses: 1, off: false },
      {
        index: 1,
        type: 'IP-CIDR',
        payload: '10.0.0.0/8',
        policy: 'y',
        noResolve: false,
        hits: 1,
        misses: 0,
        off: false,
      },
      { index: 2, type: 'MATCH', payload: '', policy: 'z', noResolve: false, hits: 0, misses: 0, off: false },
    ]);
    for (const row of engine.rows()) ruleRowSchema.parse(row);
  });
});

test.each<RuleConfig>([
  { type: 'IP-CIDR', payload: 'nonsense', policy: 'x', noResolve: false },
  { type: 'DST-PORT', payload: '', policy: 'x', noResolve: false },
  { type: 'DOMAIN', payload: '*', policy: 'x', noResolve: false },
  { type: 'MATCH', payload: 'x', policy: 'x', noResolve: false },
  { type: 'NETWORK', payload: 'TCP', policy: 'x', noResolve: false },
  { type: 'PROCESS-NAME', payload: '', policy: 'x', noResolve: false },
  { type: 'DOMAIN-REGEX', payload: '(a)\\1', policy: 'x', noResolve: false },
])('a payload that slipped past the parser is refused: $type,$payload', (rule) => {
  expect(() => new RuleEngine([...rules('MATCH,x'), rule])).toThrow(AppError);
  expect(() => new RuleEngine([...rules('MATCH,x'), rule])).toThrow(/^rules\[1\]: /);
});

test('an explanation is what the contract calls a trace', async () => {
  const { steps, rule, resolved } = await new RuleEngine(rules('IP-CIDR,10.0.0.0/8,x', 'MATCH,y')).explain(
    flow('a.example'),
    async () => '10.0.0.1',
  );
  const trace = { host: 'a.example', port: 443, network: 'tcp', chain: [], steps, rule, resolved };
  expect(ruleTraceSchema.parse(trace)).toEqual(trace);
});
