import { expect, test } from 'vitest';
import { clientInitialKeys, headerMask } from '../../../core/sniff/quic-keys.ts';
import { exampleId, v1, v2 } from './quic-client.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test.each([
  [
    'RFC 9001 appendix A.1',
    v1,
    {
      key: '1f369613dd76d5467730efcbe3b1a22d',
      iv: 'fa044b2f42a3fd3b46fb255c',
      hp: '9f50449e04a0e810283a1e9933adedd2',
    },
    ['d1b1c98dd7689fb8ec11d242b123dc9b', '437b9aec36'],
  ],
  [
    'RFC 9369 appendix A.1',
    v2,
    {
      key: '8b1a0bc121284290a29e0971b5cd045d',
      iv: '91f73e2351d8fa91660e909f',
      hp: '45b95e15235d6f45a6b19cbcb0294ba9',
    },
    ['ffe67b6abcdb4298b485dd04de806071', '94a0c95e80'],
  ],
] as const)('%s', (_where, version, expected, [sample, mask]) => {
  const keys = clientInitialKeys(version, exampleId);
  expect({ key: hex(keys.key), iv: hex(keys.iv), hp: hex(keys.hp) }).toEqual(expected);
  expect(hex(headerMask(keys, Buffer.from(sample, 'hex')))).toBe(mask);
});
