import { expect, test } from 'vitest';
import { sniffedName } from '../../../core/sniff/sniffed.ts';

test.each([
  ['www.example.com', 'www.example.com'],
  ['WWW.Example.COM.', 'www.example.com'],
  ['nas', 'nas'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['_dmarc.example', '_dmarc.example'],
  ['4chan.example', '4chan.example'],
])('%s is %s', (text, name) => expect(sniffedName(text)).toBe(name));

test.each([
  '',
  '.',
  'a..b',
  'a b',
  '192.0.2.1',
  '127.1',
  'localhost',
  'a.LocalHost.',
  '3232235521',
  'a.0x7f',
  '2001:db8::1',
  '*.example',
  'bücher.example',
  'a\0b',
  'a/b',
  `${'a'.repeat(64)}.example`,
  'a.'.repeat(127) + 'toolong',
])('%j is no name', (text) => expect(sniffedName(text)).toBeUndefined());
