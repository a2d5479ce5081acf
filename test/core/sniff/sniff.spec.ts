import { expect, test } from 'vitest';
import { sniff } from '../../../core/sniff/sniff.ts';
import { clientHello, records } from './hello.ts';

const hello = records(clientHello({ name: 'web.example' }));
const request = Buffer.from('GET / HTTP/1.1\r\nHost: web.example\r\n\r\n');

test('finds the name of whichever protocol it is, over several chunks', () => {
  expect(sniff([hello.subarray(0, 9), hello.subarray(9)], ['http', 'tls'])).toMatchObject({ protocol: 'tls' });
  expect(sniff([request], ['tls', 'http'])).toMatchObject({ protocol: 'http', name: 'web.example' });
});

test('asks for the least that could help, and ends when no protocol fits', () => {
  expect(sniff([], ['tls', 'http'])).toEqual({ kind: 'more', atLeast: 1 });
  expect(sniff([request.subarray(0, 3)], ['tls', 'http'])).toEqual({ kind: 'more', atLeast: 4 });
  expect(sniff([Buffer.from('?')], ['tls', 'http'])).toEqual({ kind: 'none' });
  expect(sniff([hello], ['http'])).toEqual({ kind: 'none' });
  expect(sniff([hello], [])).toEqual({ kind: 'none' });
});
