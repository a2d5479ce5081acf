import { expect, test } from 'vitest';
import { AccessToken, tokenLifetime } from '../../../../core/app/browser/access-token.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const secretOf = (access: AccessToken): string => access.redeem(access.issue())?.cookie ?? 'refused';

test('a token is 128 random bits and works once', () => {
  const access = new AccessToken(new ManualClock());
  const token = access.issue();
  expect(Buffer.from(token, 'base64url')).toHaveLength(16);
  const secret = access.redeem(token)?.cookie;
  expect(secret).toBeDefined();
  expect(access.accepts(secret ?? '')).toBe(true);
  expect(access.redeem(token)).toBeUndefined();
});

test('a wrong guess does not spend it', () => {
  const access = new AccessToken(new ManualClock());
  const token = access.issue();
  expect(access.redeem('')).toBeUndefined();
  expect(access.redeem(`${token}x`)).toBeUndefined();
  expect(access.redeem(token)).toBeDefined();
});

test('it expires after ten minutes', async () => {
  const clock = new ManualClock();
  const access = new AccessToken(clock);
  const token = access.issue();
  await clock.advance(tokenLifetime + 1);
  expect(access.redeem(token)).toBeUndefined();
});

test('a new one voids the one before', () => {
  const access = new AccessToken(new ManualClock());
  const first = access.issue();
  access.issue();
  expect(access.redeem(first)).toBeUndefined();
});

test('sixteen sessions are kept; the oldest goes first; unknown secrets are refused', () => {
  const access = new AccessToken(new ManualClock());
  const secrets = Array.from({ length: 17 }, () => secretOf(access));
  expect(secrets.map((secret) => access.accepts(secret))).toEqual([false, ...Array<boolean>(16).fill(true)]);
  expect(access.accepts('')).toBe(false);
  expect(new Set(secrets).size).toBe(17);
});

test('cookie and key belong together: neither is good alone, nor with that of another session', () => {
  const access = new AccessToken({ monotonic: () => 0 });
  const [one, two] = [access.redeem(access.issue()), access.redeem(access.issue())];
  if (one === undefined || two === undefined) throw new Error('no sessions');
  expect([one, two].every((session) => access.acceptsBoth(session))).toBe(true);
  for (const [cookie, key] of [
    [one.cookie, two.key],
    [one.cookie, ''],
    ['', one.key],
    [one.cookie, one.cookie],
    [one.key, one.key],
  ] as const)
    expect(access.acceptsBoth({ cookie, key })).toBe(false);
});
