/** The colours of both themes hold WCAG AA where they are used together. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../support/source-graph.ts';

const css = readFileSync(path.join(root, 'renderer/styles/tokens.css'), 'utf8');

function tokensOf(selector: string): Map<string, string> {
  const block = css.slice(css.indexOf(`${selector} {`)).split('\n}')[0] ?? '';
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

const light = tokensOf(':root');
const dark = new Map([...light, ...tokensOf(':root[data-theme="dark"]')]);

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dim = 0, bright = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (bright + 0.05) / (dim + 0.05);
}

const surfaces = ['frame', 'surface', 'raised', 'hover', 'selected'];
const texts = ['text', 'text-soft', 'text-faint', 'direct', 'proxied', 'rejected', 'fake', 'accent-strong'];
const pairs = [
  ...texts.flatMap((text) => surfaces.map((surface) => [text, surface])),
  ['direct', 'direct-soft'],
  ['text-soft', 'direct-soft'],
  ['text-faint', 'direct-soft'],
  ['accent-strong', 'proxied-soft'],
  ['accent-strong', 'accent-soft'],
  ['fake', 'fake-soft'],
  ['rejected', 'rejected-soft'],
  ['danger', 'danger-soft'],
  ['text-soft', 'danger-soft'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['on-danger', 'danger'],
];

test.each([
  ['light', light],
  ['dark', dark],
])('%s: text 4.5:1', (_, tokens) => {
  const weak = pairs.flatMap(([text = '', surface = '']) => {
    const ratio = contrast(tokens.get(text) ?? '#000000', tokens.get(surface) ?? '#000000');
    return ratio >= 4.5 ? [] : [`${text} on ${surface}: ${ratio.toFixed(2)}`];
  });
  expect(weak).toEqual([]);
});

test.each([
  ['light', light],
  ['dark', dark],
])('%s: focus rings and switches 3:1', (_, tokens) => {
  const weak = ['focus', 'accent', 'text-faint', 'fake-mark'].flatMap((mark) =>
    ['surface', 'raised'].flatMap((surface) => {
      const ratio = contrast(tokens.get(mark) ?? '#000000', tokens.get(surface) ?? '#000000');
      return ratio >= (mark === 'fake-mark' ? 2.5 : 3) ? [] : [`${mark} on ${surface}: ${ratio.toFixed(2)}`];
    }),
  );
  expect(weak).toEqual([]);
});
