import { describe, expect, test } from 'vitest';
import { domainPatternProblem } from '../../../../core/base/domain.ts';
import type { FakeIpFilterConfig } from '../../../../core/contract/dns-config.ts';
import { builtInFilter, FakeIpFilter } from '../../../../core/dns/names/filter.ts';

const filter = new FakeIpFilter({ mode: 'blacklist', patterns: ['*.corp.example', '+.bank.example'] });

describe('real answers', () => {
  test.each([
    'www.msftconnecttest.com',
    'dns.msftncsi.com',
    'captive.apple.com',
    'connectivitycheck.gstatic.com',
    'detectportal.firefox.com',
    '2.debian.pool.ntp.org',
    'time.windows.com',
    'ntp.ubuntu.com',
    'stun.l.google.com',
    'stun1.stun.example.net',
    'controlplane.tailscale.com',
    'git.corp.example',
    'bank.example',
    'www.bank.example',
  ])('for %j', (name) => {
    expect(filter.keepsReal(name)).toBe(true);
  });
});

describe('fake addresses', () => {
  test.each([
    'example.com',
    'www.google.com',
    'mydomain.test',
    'msftncsi.com.example.org',
    'a.b.corp.example',
    'corp.example',
    'timex.com',
    'xn--bcher-kva.example',
    'a1.b2',
  ])('for %j', (name) => {
    expect(filter.keepsReal(name)).toBe(false);
  });
});

test('every built-in pattern is valid and listed once', () => {
  expect(builtInFilter.filter((pattern) => domainPatternProblem(pattern) !== undefined)).toEqual([]);
  expect(new Set(builtInFilter).size).toBe(builtInFilter.length);
});

test('an invalid entry is refused with its name: a filter is never silently off', () => {
  expect(() => new FakeIpFilter({ mode: 'blacklist', patterns: ['+.fine.example', 'bad*.example'] })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('"bad*.example"') as string }),
  );
});

test('sets count as patterns do, in every mode', () => {
  const sets = { identity: '', has: (set: string, name: string) => set === 'geosite:cn' && name.endsWith('.cn') };
  const of = (config: FakeIpFilterConfig) =>
    ['a.cn', 'b.example'].map((name) => new FakeIpFilter(config, [], sets).keepsReal(name));
  expect(of({ mode: 'blacklist', patterns: [], sets: ['rule-set:gone', 'geosite:cn'] })).toEqual([true, false]);
  expect(of({ mode: 'whitelist', patterns: [], sets: ['geosite:cn'] })).toEqual([false, true]);
  const rules = [
    { type: 'GEOSITE', payload: 'CN', answer: 'real-ip' },
    { type: 'MATCH', payload: '', answer: 'fake-ip' },
  ] as const;
  expect(of({ mode: 'rule', rules: [...rules] })).toEqual([true, false]);
});

test('in the mode rule the first hit decides, international names written either way', () => {
  const rules = new FakeIpFilter({
    mode: 'rule',
    rules: [
      { type: 'DOMAIN', payload: 'Fake.Real.Example.', answer: 'fake-ip' },
      { type: 'DOMAIN-SUFFIX', payload: 'REAL.example', answer: 'real-ip' },
      { type: 'DOMAIN-KEYWORD', payload: 'Ads.', answer: 'real-ip' },
      { type: 'DOMAIN', payload: 'b\u00FCcher.example', answer: 'real-ip' },
      { type: 'MATCH', payload: '', answer: 'fake-ip' },
    ],
  });
  const real = (...names: string[]) => names.filter((name) => rules.keepsReal(name));
  expect(real('fake.real.example', 'real.example', 'a.real.example', 'unreal.example')).toEqual([
    'real.example',
    'a.real.example',
  ]);
  expect(real('ads.a.example', 'ads', 'xads.b', 'ads-a.example')).toEqual(['ads.a.example', 'xads.b']);
  expect(real('xn--bcher-kva.example', 'b\u00FCcher.example')).toHaveLength(2);
});
