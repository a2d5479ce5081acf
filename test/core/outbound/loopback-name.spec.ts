import { expect, test } from 'vitest';
import { loopbackOfName } from '../../../core/outbound/loopback-name.ts';

test.each([
  ['localhost', '127.0.0.1'],
  ['LocalHost.', '127.0.0.1'],
  ['a.localhost', '127.0.0.1'],
  ['notlocalhost', undefined],
  ['localhost.example', undefined],
])('%s', (name, ip) => expect(loopbackOfName(name)).toBe(ip));
