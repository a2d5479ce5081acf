import { expect, test } from 'vitest';
import type { RuleConfig } from '../../../core/contract/config.ts';
import type { ProcessInfo, RuleTraceStep } from '../../../core/contract/flow.ts';
import { fillText } from '../../../core/contract/problem-texts.ts';
import { ruleReasons } from '../../../core/contract/rule-reasons.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { RuleEngine, type RuleEngineOptions } from '../../../core/rule/rule-engine.ts';
import { parseRule } from '../../../core/rule/rule-parser.ts';
import { maxTraceSteps } from '../../../core/rule/rule-trace.ts';

function rule(line: string): RuleConfig {
  const parsed = parseRule(line);
  return parsed.kind === 'rule' ? parsed.rule : expect.unreachable(line);
}

interface To {
  readonly host: string;
  readonly port?: number;
  readonly address?: string;
  readonly process?: ProcessInfo;
}

async function steps(lines: string[], to: To, options?: RuleEngineOptions): Promise<RuleTraceStep[]> {
  const { host, port = 443, address, process } = to;
  const metadata: Metadata = {
    network: 'tcp',
    inbound: 'tun',
    source: { host: '192.168.1.7', port: 40_000 },
    destination: { host, port },
    originalDestination: { host, port },
    ...(process === undefined ? {} : { process }),
  };
  return (await new RuleEngine(lines.map(rule), options).explain(metadata, async () => address)).steps;
}

function told(list: readonly RuleTraceStep[], indent = ''): string[] {
  return list.flatMap(({ hit, why: { code, values }, steps: within = [] }) => [
    `${indent}${hit ? '+' : '-'} ${fillText(ruleReasons[code], values)}`,
    ...told(within, `${indent}  `),
  ]);
}

async function why(lines: string[], to: To, options?: RuleEngineOptions): Promise<string[]> {
  return told(await steps(lines, to, options));
}

test('each rule says why, for a name whose address was looked up', async () => {
  const lines = [
    'DOMAIN,b.example,x',
    'DOMAIN-SUFFIX,b.example,x',
    'DOMAIN-KEYWORD,bad,x',
    'DST-PORT,80/8080,x',
    'IP-CIDR,10.0.0.0/8,x,no-resolve',
    'IP-CIDR,10.0.0.0/8,x',
    'IP-CIDR6,2001:db8::/32,x',
    'IP-CIDR,192.0.2.0/24,x,no-resolve',
    'MATCH,x',
  ];
  expect(await why(lines, { host: 'a.example', address: '192.0.2.7' })).toEqual([
    '- a.example is not b.example',
    '- a.example is not b.example or below it',
    '- a.example does not contain "bad"',
    '- port 443 is not in 80/8080',
    '- no address is known, and no-resolve forbids to look one up',
    '- a.example resolves to 192.0.2.7, which is not in 10.0.0.0/8',
    '- a.example resolves to 192.0.2.7, which is an IPv4 address, the prefix is IPv6',
    '+ a.example resolves to 192.0.2.7, which is in 192.0.2.0/24',
  ]);
});

test('a failed look-up is said', async () => {
  expect(await why(['IP-CIDR,10.0.0.0/8,x', 'MATCH,x'], { host: 'a.example' })).toEqual([
    '- a.example could not be resolved, so rules about addresses do not match',
    '+ matches everything',
  ]);
});

test('a bare address', async () => {
  const lines = ['DOMAIN-SUFFIX,example,x', 'IP-CIDR,10.0.0.0/8,x,no-resolve'];
  expect(await why(lines, { host: '10.0.0.1' })).toEqual([
    '- the destination is an address without a name',
    '+ 10.0.0.1 is in 10.0.0.0/8',
  ]);
});

test('what is known besides the destination', async () => {
  const lines = [
    'DOMAIN-REGEX,^x,p',
    'SRC-IP-CIDR,192.168.2.0/24,p',
    'SRC-PORT,1-100,p',
    'NETWORK,udp,p',
    'PROCESS-PATH,/usr/bin/wget,p',
    'PROCESS-NAME,CURL,p',
  ];
  const process = { pid: 1, uid: 1, name: 'curl', path: '/usr/bin/curl' };
  expect(await why(lines, { host: 'a.example', process })).toEqual([
    '- a.example does not fit ^x',
    '- the connection comes from 192.168.1.7, which is not in 192.168.2.0/24',
    '- the connection comes from port 40000, which is not in 1-100',
    '- the connection is TCP, not UDP',
    '- the program is /usr/bin/curl, not /usr/bin/wget',
    '+ the program is curl',
  ]);
  expect(await why(lines.slice(-1), { host: 'a.example' })).toEqual(['- the program is not known']);
});

test('logic shows the rules within, up to the one that decides', async () => {
  const lines = [
    'AND,((DOMAIN-SUFFIX,example),(DST-PORT,80),(NETWORK,tcp)),x',
    'NOT,((GEOIP,lan)),x',
    'OR,((DOMAIN,b.example),(NOT,((NETWORK,udp)))),x',
  ];
  expect(await why(lines, { host: 'a.example', address: '192.168.0.1' })).toEqual([
    '- rule 2 of it does not match: DST-PORT,80',
    '  + a.example is example or below it',
    '  - port 443 is not in 80',
    '- its rule matches',
    '  + a.example resolves to 192.168.0.1, which is in lan',
    '+ rule 2 of it matches: NOT,((NETWORK,udp))',
    '  - a.example is not b.example',
    '  + its rule does not match',
    '    - the connection is TCP, not UDP',
  ]);
});

test('what cannot be had makes neither a rule nor its opposite match', async () => {
  const lines = ['NOT,((GEOIP,lan)),x', 'NOT,((GEOSITE,cn)),x', 'MATCH,y'];
  expect(await why(lines, { host: 'a.example' })).toEqual([
    '- what it depends on cannot be told, so neither it nor its opposite matches',
    '  - a.example could not be resolved, so rules about addresses do not match',
    '- what it depends on cannot be told, so neither it nor its opposite matches',
    '  - there is no set cn, so nobody knows what is in it',
    '+ matches everything',
  ]);
});

test('a sub-rule shows its condition and the rules that it leads to', async () => {
  const subRules = {
    far: [rule('DOMAIN,b.example,p'), rule('IP-CIDR,10.0.0.0/8,q'), rule('MATCH,r')],
    none: [rule('DOMAIN,b.example,p')],
  };
  const lines = ['SUB-RULE,(NETWORK,udp),far', 'SUB-RULE,(NETWORK,tcp),none', 'SUB-RULE,(NETWORK,tcp),far'];
  const list = await steps(lines, { host: 'a.example', address: '10.0.0.1' }, { subRules });
  expect(told(list)).toEqual([
    '- its condition does not match',
    '  - the connection is TCP, not UDP',
    '- no rule of none matches',
    '  + the connection is TCP',
    '  - a.example is not b.example',
    '+ rule 2 of far decides',
    '  + the connection is TCP',
    '  - a.example is not b.example',
    '  + a.example resolves to 10.0.0.1, which is in 10.0.0.0/8',
  ]);
  expect(list.at(-1)).toMatchObject({ index: 2, policy: 'q' });
});

test('a rule that is passed on is shown, and what comes after it', async () => {
  const engine = new RuleEngine(['DOMAIN,a.example,pass', 'IP-CIDR,10.0.0.0/8,noudp', 'MATCH,x'].map(rule));
  const metadata: Metadata = {
    network: 'udp',
    inbound: 'tun',
    source: { host: '192.168.1.7', port: 40_000 },
    destination: { host: 'a.example', port: 443 },
    originalDestination: { host: 'a.example', port: 443 },
  };
  let asked = 0;
  const { steps: list, rule: decided } = await engine.explain(
    metadata,
    async () => ((asked += 1), '10.0.0.1'),
    (policy) => (policy === 'pass' ? 'PASSED' : policy === 'noudp' ? 'NO_UDP' : undefined),
  );
  expect(told(list)).toEqual([
    '- it matches, but pass passes on to the rules below',
    '- it matches, but noudp cannot carry UDP, so the rules below are tested',
    '+ matches everything',
  ]);
  expect([decided.index, asked]).toEqual([2, 1]);
});

test('of a long list the part before the hit is shown, with the rule that caused a look-up, and it is said', async () => {
  const lines = Array.from({ length: 2000 }, (_, i) => (i === 3 ? 'IP-CIDR,10.0.0.0/8,x' : `DOMAIN,n${i}.example,x`));
  const list = await steps(lines, { host: 'n1999.example' });
  expect(list).toHaveLength(maxTraceSteps + 2);
  expect(list[0]).toMatchObject({ index: -1, type: 'OMITTED', hit: false });
  expect(list[0]?.why).toEqual({ code: 'OMITTED', values: { count: '1500', shown: '500' } });
  expect(list[1]).toMatchObject({ index: 3, type: 'IP-CIDR' });
  expect(list[2]).toMatchObject({ index: 1500 });
  expect(list.at(-1)).toMatchObject({ index: 1999, hit: true });
});

test('without a hit every rule was tested', async () => {
  const lines = Array.from({ length: 500 }, (_, i) => `DOMAIN,n${i}.example,x`);
  const list = await steps(lines, { host: 'other.example' });
  expect(list.map((step) => step.index)).toEqual([...lines.keys()]);
  expect(list.some((step) => step.hit)).toBe(false);
});
