import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { profileKeys } from '../../../../../core/contract/profile-keys.ts';
import { ruleTypes } from '../../../../../core/contract/rule-types.ts';
import { choicesAt } from '../../../../../renderer/features/profiles/editor/completions.ts';
import { keyAt, keysBelow } from '../../../../../renderer/features/profiles/editor/profile-schema.ts';
import { placeAt } from '../../../../../renderer/features/profiles/editor/yaml-place.ts';

const names = {
  policies: ['Auto', '香港 [1]', 'on', 'DIRECT'],
  ruleProviders: ['ads'],
  proxyProviders: ['sub'],
  subRules: ['inner'],
};

function choicesFor(text: string, isOverride = false) {
  const before = text.slice(0, text.indexOf('|'));
  const lines = text.replace('|', '').split('\n');
  const line = before.split('\n').length - 1;
  const place = placeAt((n) => lines[n] ?? '', line, before.length - (before.lastIndexOf('\n') + 1), isOverride);
  return place && choicesAt(place, names, isOverride);
}
const labels = (text: string, isOverride = false) => choicesFor(text, isOverride)?.all.map(({ label }) => label);
/** The text with one of the choices taken. */
function taken(text: string, label: string, isOverride = false): string {
  const choices = choicesFor(text, isOverride);
  const choice = choices?.all.find((each) => each.label === label) ?? expect.unreachable(label);
  const at = text.indexOf('|');
  const begin = text.lastIndexOf('\n', at - 1) + 1 + (choices?.from ?? 0);
  return text.slice(0, begin) + choice.write + text.slice(at + 1);
}

describe('what may be written', () => {
  test('keys are those of the table, at the place where they stand, and nothing else', () => {
    expect(labels('|')).toEqual(expect.arrayContaining(['mixed-port', 'dns', 'rules']));
    expect(labels('dns:\n  |')).toEqual(expect.arrayContaining(['enhanced-mode', 'nameserver']));
    expect(labels('dns:\n  |')).not.toContain('mixed-port');
    expect(labels('proxy-groups:\n  - name: A\n    |')).toEqual(expect.arrayContaining(['type', 'tolerance']));
    expect(labels('rule-providers:\n  r:\n    |')).toEqual(expect.arrayContaining(['behavior', 'format']));
    expect(labels('rule-providers:\n  |')).toBeUndefined(); // people name these
    for (const { path } of profileKeys.filter((key) => !/\*/.test(key.path.split('.').at(-1) ?? '')))
      expect(keyAt(path.replaceAll('[]', '').split('.'))?.path).toBe(path);
    expect(keysBelow([]).length).toBeGreaterThan(30);
  });

  test('an override has its own words for lists', () => {
    expect(labels('|', true)).toEqual(expect.arrayContaining(['+rules', 'rules+']));
    expect(labels('|')).not.toContain('+rules');
    expect(parse(`${taken('ru|', '+rules', true)}MATCH,DIRECT`)).toEqual({ '+rules': ['MATCH,DIRECT'] });
  });

  test('what is taken can be gone on with', () => {
    expect(taken('dns:\n  namese|', 'nameserver')).toBe('dns:\n  nameserver:\n    - ');
    expect(taken('d|', 'dns')).toBe('dns:\n  ');
    expect(taken('mod|', 'mode')).toBe('mode: ');
    expect(taken('proxies: [{ na|', 'name')).toBe('proxies: [{ name: ');
  });

  test('values are words of the table, or names of the profile, in quotes where YAML needs them', () => {
    expect(labels('mode: |')).toEqual(['rule', 'global', 'direct']);
    expect(labels('ipv6: |')).toEqual(['true', 'false']);
    expect(labels('mixed-port: |')).toBeUndefined();
    expect(labels('proxy-groups:\n  - proxies:\n      - |')).toEqual(names.policies);
    expect(labels('proxy-groups:\n  - use: [|')).toEqual(['sub']);
    expect(labels('proxies:\n  - dialer-proxy: |')).toEqual(names.policies);
    for (const name of names.policies) {
      expect(parse(taken('a: 1\nproxy-groups:\n  - proxies:\n      - |', name))).toEqual({
        a: 1,
        'proxy-groups': [{ proxies: [name] }],
      });
      expect(parse(`${taken('proxy-groups: [{ proxies: [|', name)}]}]`)).toEqual({
        'proxy-groups': [{ proxies: [name] }],
      });
    }
    expect(labels('dns:\n  fake-ip-filter:\n    - |')).toEqual(expect.arrayContaining(['geosite:cn', 'rule-set:ads']));
  });

  test('a rule is written part by part', () => {
    expect(labels('rules:\n  - |')).toEqual([...ruleTypes]);
    expect(taken('rules:\n  - DOMAIN-S|', 'DOMAIN-SUFFIX')).toBe('rules:\n  - DOMAIN-SUFFIX,');
    expect(labels('rules:\n  - RULE-SET,|')).toEqual(['ads']);
    expect(labels('rules:\n  - GEOSITE,|')).toContain('youtube');
    expect(labels('rules:\n  - MATCH,|')).toEqual(names.policies);
    expect(labels('rules:\n  - DOMAIN,a.example,|')).toEqual(names.policies);
    expect(labels('rules:\n  - SUB-RULE,(NETWORK;udp),|')).toEqual(['inner']);
    expect(labels('rules:\n  - IP-CIDR,192.0.2.0/24,DIRECT,|')).toContain('no-resolve');
    expect(labels('rules:\n  - DOMAIN,a.example,DIRECT,|')).toBeUndefined();
    expect(labels('sub-rules:\n  x:\n    - DOMAIN,a,|')).toEqual(names.policies);
    expect(taken('rules:\n  - DOMAIN,a.example,Au|', 'Auto')).toBe('rules:\n  - DOMAIN,a.example,Auto');
    expect(labels('+rules: ["DOMAIN,a,|', true)).toEqual(names.policies);
  });
});
