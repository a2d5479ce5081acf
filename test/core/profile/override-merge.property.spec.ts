/** Whatever the two texts: merging again changes nothing, what is not named stays, and every problem has its place. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMap, type Node, parseDocument, stringify } from 'yaml';
import { ProblemList } from '../../../core/profile/problem-list.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { YamlSource } from '../../../core/profile/yaml-source.ts';
import { runs } from '../../support/runs.ts';

const key = fc.constantFrom('dns', 'rules', 'proxies', 'hosts', 'tun', 'a', 'b', '+.x', '<<x', '__proto__');
const mark = fc.constantFrom(
  (text: string) => text,
  (text: string) => `+<${text}>`,
  (text: string) => `<${text}>+`,
  (text: string) => `<${text}>!`,
);
const leaf = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('x', 'y', 'MATCH,DIRECT'), fc.boolean());
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(fc.oneof(leaf, fc.record({ name: fc.constantFrom('n', 'm'), of: leaf }), tie('value')), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}));
const profile = fc.dictionary(key, value, { maxKeys: 5 });
/** With marks, where the keys say so. */
const override = fc
  .array(fc.tuple(mark, key, value), { maxLength: 5 })
  .map((entries) => Object.fromEntries(entries.map(([form, name, of]) => [form(name.replace(/^$/, 'k')), of])));

function mergedOf(text: string, patch: string): unknown {
  const source = new YamlSource(text, new ProblemList(), patch);
  return plain(source.root, source);
}

function plain(node: Node | null, source: YamlSource): unknown {
  const document = parseDocument('');
  document.contents = node as typeof document.contents;
  return isMap(node) && source.complete ? document.toJS() : null;
}

test('merging again changes nothing', () => {
  fc.assert(
    fc.property(profile, override, (below, above) => {
      const patch = stringify(above);
      const once = mergedOf(stringify(below), patch);
      fc.pre(once !== null);
      expect(mergedOf(stringify(once), patch)).toEqual(once);
    }),
    runs(300),
  );
});

test('what the override does not name stays as it is', () => {
  fc.assert(
    fc.property(profile, override, (below, above) => {
      const once = mergedOf(stringify(below), stringify(above)) as Record<string, unknown> | null;
      fc.pre(once !== null);
      const named = Object.keys(above).map((written) => written.replace(/^\+?<(.*)>[+!]?$/, '$1'));
      for (const [name, of] of Object.entries(below)) if (!named.includes(name)) expect(once?.[name]).toEqual(of);
      // Nor does a list lose items to which something is added.
      for (const [written, added] of Object.entries(above)) {
        const [, name] = /^\+<(.*)>$|^<(.*)>\+$/.exec(written)?.filter((part) => part !== undefined) ?? [];
        const before = name === undefined ? undefined : below[name];
        const hasOne = named.filter((each) => each === name).length === 1;
        if (!hasOne || !Array.isArray(before) || !Array.isArray(added)) continue;
        const after = JSON.stringify(once?.[name ?? '']);
        for (const item of [...before, ...added]) {
          const isNamed = typeof item === 'object' && item !== null && 'name' in item;
          if (!isNamed) expect(after).toContain(JSON.stringify(item));
        }
      }
    }),
    runs(300),
  );
});

test('problems have their place in the text that they name, and no text throws', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    override.map((map) => stringify(map)),
    profile.map((map) => stringify(map, { defaultStringType: 'QUOTE_DOUBLE' })),
    fc.constantFrom(
      'a: &a {b: *a}',
      '<<: [*x, *y]',
      '? [a]\n: b',
      '--- \na: 1\n---\nb: 2',
      '\ufeffdns: {x: 1}',
      'a:\tb',
    ),
  );
  fc.assert(
    fc.property(text, text, (below, above) => {
      const { problems } = loadProfile(below, undefined, { override: above });
      for (const { file, line = 1, column = 1 } of problems) {
        const lines = (file === undefined ? below : above)
          .replace(/^\ufeff/, '')
          .split(/\r\n|[\n\r\u0085\u2028\u2029]/);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
      }
    }),
    runs(500),
  );
});
