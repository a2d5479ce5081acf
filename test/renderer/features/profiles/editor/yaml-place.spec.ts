import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { placeAt } from '../../../../../renderer/features/profiles/editor/yaml-place.ts';

/** The place is where `|` stands. */
function at(text: string, isOverride = false) {
  const before = text.slice(0, text.indexOf('|'));
  const lines = text.replace('|', '').split('\n');
  const line = before.split('\n').length - 1;
  const place = placeAt((n) => lines[n] ?? '', line, before.length - (before.lastIndexOf('\n') + 1), isOverride);
  return place && `${place.path.join('.')} ${place.at}${place.isItem ? ' item' : ''} <${place.word}>`;
}

describe('where a place of a profile is', () => {
  test.each([
    ['|', ' key <>'],
    ['mod|', ' key <mod>'],
    ['mode: |', 'mode value <>'],
    ['mode: ru|le # x', 'mode value <ru>'],
    ['mode: rule # x|', undefined],
    ['dns:\n  ipv|', 'dns key <ipv>'],
    ['dns:\n  a: 1\n\n  # b\n  ipv6: t|', 'dns.ipv6 value <t>'],
    ['dns:\n  a:\n    b: 1\n  ipv|', 'dns key <ipv>'],
    ['rules:\n  - DOM|', 'rules key item <DOM>'],
    ['rules:\n- a,b,c\n- DOMAIN,x: y,|', 'rules.DOMAIN,x value <y,>'],
    ['rules:\n- "DOMAIN,x: y,|', 'rules key item <DOMAIN,x: y,>'],
    ['proxies:\n  - name: A\n    ty|', 'proxies key <ty>'],
    ['proxies:\n- name: A\n  type: |', 'proxies.type value <>'],
    ['proxies:\n  - { name: A, ty|', 'proxies key <ty>'],
    ['proxies:\n  - { name: "A, B", type: so|', 'proxies.type value <so>'],
    ['proxy-groups:\n  - name: A\n    proxies:\n      - DI|', 'proxy-groups.proxies key item <DI>'],
    ['proxy-groups:\n  - name: A\n    proxies: [DIRECT, To|', 'proxy-groups.proxies value item <To>'],
    ['proxy-groups:\n  - name: A\n    proxies: [DIRECT]\n    in|', 'proxy-groups key <in>'],
    ['rule-providers:\n  mine:\n    beh|', 'rule-providers.mine key <beh>'],
    ['sniffer: { sniff: { TLS: { po|', 'sniffer.sniff.TLS key <po>'],
    ['a: { b: 1 }\nc|', ' key <c>'],
    ['"quoted": tr|', 'quoted value <tr>'],
    ['sub-rules:\n  one:\n    - MATCH,|', 'sub-rules.one key item <MATCH,>'],
  ])('%j', (text, wanted) => expect(at(text)).toBe(wanted));

  test('in an override, keys are what they mean, whatever mark they have', () => {
    expect(at('+rules:\n  - D|', true)).toBe('rules key item <D>');
    expect(at('prepend-rules:\n  - D|', true)).toBe('rules key item <D>');
    expect(at('dns!:\n  +nameserver: [|', true)).toBe('dns.nameserver value item <>');
    expect(at('dns:\n  prepend-rules: |', true)).toBe('dns.prepend-rules value <>');
  });

  test('whatever the text: an answer whose word stands before the place', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      "'",
      '#',
      '+',
      '<',
      '>',
      '!',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.nat(80), fc.boolean(), (pieces, to, isOverride) => {
        const lines = pieces.join('').slice(0, to).split('\n');
        const line = lines.length - 1;
        const last = lines[line] ?? '';
        const place = placeAt((n) => lines[n] ?? '', line, last.length, isOverride);
        if (place !== undefined) expect(last.slice(place.from)).toBe(place.word);
      }),
    );
  });
});
