import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseUrl } from '../../../core/base/parse-url.ts';
import { root } from '../../support/source-graph.ts';

test('a URL, with what it is relative to; anything else is none', () => {
  expect(parseUrl('https://a.example/x?y=1')?.host).toBe('a.example');
  expect(parseUrl('../z', 'https://a.example/x/y')?.href).toBe('https://a.example/z');
  for (const text of ['', 'x', 'https://', 'https://a b/', '../z', 'http://[::1'])
    expect(parseUrl(text)).toBeUndefined();
});

test('the app process asks nothing that the Node 18 of older desktop runtimes lacks', () => {
  const sources = ['core', 'electron'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('base/parse-url'))
      .map((file) => path.join(root, folder, file)),
  );
  expect(sources.filter((file) => readFileSync(file, 'utf8').includes('URL.canParse('))).toEqual([]);
});
