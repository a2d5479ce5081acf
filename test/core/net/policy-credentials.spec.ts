import fc from 'fast-check';
import { expect, test } from 'vitest';
import { policyAskedFor, policyCredentials } from '../../../core/net/policy-credentials.ts';

const key = fc.stringMatching(/^[0-9a-f]{1,64}$/);

test('whoever has the key is understood, whatever the policy is called', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), key, (policy, own) => {
      expect(policyAskedFor(policyCredentials(policy, own), own)).toBe(policy);
    }),
  );
});

test('nobody else is', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), key, (username, password, own) => {
      fc.pre(!password.startsWith(`${own}:`));
      expect(policyAskedFor({ username, password }, own)).toBeUndefined();
      expect(policyAskedFor({ ...policyCredentials('p', own), password }, own)).toBeUndefined();
    }),
  );
  expect(policyAskedFor(undefined, 'k')).toBeUndefined();
  expect(policyAskedFor({ ...policyCredentials('p', 'k'), username: 'me' }, 'k')).toBeUndefined();
});
