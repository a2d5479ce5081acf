import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { withRule } from '../../../core/profile/override-rule.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

const rule = 'DOMAIN,x.example,DIRECT';

describe('a rule is written into an override', () => {
  test.each([
    ['that is empty', '', '+rules:\n  - DOMAIN,x.example,DIRECT\n'],
    ['with a comment alone', '# mine', '# mine\n+rules:\n  - DOMAIN,x.example,DIRECT\n'],
    ['with other keys', 'dns: {ipv6: false} # no', 'dns: {ipv6: false} # no\n+rules:\n  - DOMAIN,x.example,DIRECT\n'],
    [
      'with a list, before its first one and behind the comment there',
      '+rules: # those\n    # of mine\n    - A,b,DIRECT # why\n\n# end\nmode: rule\n',
      '+rules: # those\n    # of mine\n    - DOMAIN,x.example,DIRECT\n    - A,b,DIRECT # why\n\n# end\nmode: rule\n',
    ],
    [
      'with a list as deep as its key',
      'prepend-rules:\n- A,b,c\n',
      'prepend-rules:\n- DOMAIN,x.example,DIRECT\n- A,b,c\n',
    ],
    ['with a list in brackets', '+rules: ["A,b,c"]\n', '+rules: ["DOMAIN,x.example,DIRECT", "A,b,c"]\n'],
    ['with an empty list', '+rules: [] # none\n', '+rules: ["DOMAIN,x.example,DIRECT"] # none\n'],
    [
      'with a key that says nothing',
      'a: 1\n+rules: # soon\nb: 2\n',
      'a: 1\n+rules: # soon\n  - DOMAIN,x.example,DIRECT\nb: 2\n',
    ],
    [
      'with ends of lines of another system',
      '+rules:\r\n  - A,b,c\r\n',
      '+rules:\r\n  - DOMAIN,x.example,DIRECT\n  - A,b,c\r\n',
    ],
  ])('%s', (_, before, after) => expect(withRule(before, rule, 'first')).toBe(after));

  test.each([
    ['that is empty', '', 'rules+:\n  - DOMAIN,x.example,DIRECT\n'],
    [
      'behind the last one and its comment',
      'rules+:\n  - A,b,c # why\n# end\n',
      'rules+:\n  - A,b,c # why\n  - DOMAIN,x.example,DIRECT\n# end\n',
    ],
    ['without an end of the line', 'append-rules:\n  - A,b,c', 'append-rules:\n  - A,b,c\n  - DOMAIN,x.example,DIRECT'],
    ['in brackets', 'rules+: [ "A,b,c" ]', 'rules+: [ "A,b,c", "DOMAIN,x.example,DIRECT" ]'],
    ['beside one in front', '+rules:\n  - A,b,c\n', '+rules:\n  - A,b,c\nrules+:\n  - DOMAIN,x.example,DIRECT\n'],
    ['of several lines', 'rules+:\n  - >-\n    A,b,c\n', 'rules+:\n  - >-\n    A,b,c\n  - DOMAIN,x.example,DIRECT\n'],
  ])('at the end, %s', (_, before, after) => expect(withRule(before, rule, 'last')).toBe(after));

  test.each([
    ['broken YAML', 'rules: ['],
    ['no map', '- x\n'],
    ['a map in brackets', '{mode: rule}'],
    ['two keys that mean it', '+rules: [a]\nprepend-rules: [b]\n'],
    ['one value', '+rules: A,b,c\n'],
    ['another list', 'a: &x [A]\n+rules: *x\n'],
    ['two documents', 'mode: rule\n---\na: 1\n'],
  ])('%s is left as it is', (_, text) =>
    expect(() => withRule(text, rule, 'first')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' })),
  );

  test('whatever the rule and the lines around: the same lines, one more of them, and YAML that says the rule', () => {
    const comment = fc.constantFrom('', '  # a', '# b', 'mode: rule # c', 'dns:\n  ipv6: false');
    const list = fc.constantFrom('', '+rules:', '+rules:\n  - "A,b,c"', 'rules+:\n- A,b,c # d', '+rules: [A]');
    const payload = fc.oneof(fc.string(), fc.constantFrom('x.example', '#', 'a: b', '"', "it's", '\\d+', '名'));
    fc.assert(
      fc.property(
        comment,
        list,
        comment,
        payload,
        fc.constantFrom('first' as const, 'last' as const),
        (a, b, c, text, place) => {
          const before = `${a}\n${b}\n${c === a ? '' : c}\n`;
          const said = `DOMAIN,${text},DIRECT`;
          const after = withRule(before, said, place);
          const key = place === 'first' ? '+rules' : 'rules+';
          const rules = (parse(after) as Record<string, string[]>)[key];
          expect(place === 'first' ? rules?.[0] : rules?.at(-1)).toBe(said);
          const rest = after.split('\n');
          for (const line of before.split('\n').filter((each) => each.trim() !== '' && each !== '+rules: [A]'))
            expect(rest).toContain(line);
        },
      ),
    );
  });

  test('and it decides before the profile does', () => {
    const text = 'proxies: [{name: A, type: direct}]\nrules: ["MATCH,A"]\n';
    const { config } = loadProfile(text, undefined, { override: withRule('# mine\n', rule, 'first') });
    expect(config?.rules.map(({ policy }) => policy)).toEqual(['DIRECT', 'A']);
  });
});
