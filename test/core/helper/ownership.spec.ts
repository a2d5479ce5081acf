import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../core/base/clock.ts';
import type { Owner } from '../../../core/contract/status.ts';
import { leaseMs, Ownership, returnMs } from '../../../core/helper/ownership.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const anna = 1000;
const bert = 1001;

let clock: ManualClock;
let ownership: Ownership;
let expired: Owner[];

beforeEach(() => {
  clock = new ManualClock();
  ownership = new Ownership(clock);
  expired = [];
  ownership.expired.on((owner) => expired.push(owner));
});

describe('who may change it', () => {
  test("everybody while it is nobody's", () => {
    for (const uid of [0, anna, bert]) ownership.assertOpenTo(uid);
  });

  test('its owner and root, nobody else', () => {
    ownership.claim({ uid: anna, mode: 'persistent' });
    ownership.assertOpenTo(anna);
    ownership.assertOpenTo(0);
    expect(() => ownership.assertOpenTo(bert)).toThrow(
      expect.objectContaining({ code: 'HELPER_IN_USE', details: { uid: anna } }),
    );
    ownership.release();
    ownership.assertOpenTo(bert);
  });
});

describe('a session', () => {
  test('ends when nobody renews it, at 20 s', () => {
    ownership.claim({ uid: anna, mode: 'session' });
    clock.run(leaseMs - 1);
    expect(expired).toEqual([]);
    clock.run(1);
    expect(expired).toEqual([{ uid: anna, mode: 'session' }]);
  });

  test('lives as long as it is renewed', () => {
    ownership.claim({ uid: anna, mode: 'session' });
    for (let i = 0; i < 100; i++) {
      clock.run(5_000);
      expect(ownership.renew(anna)).toBe('renewed');
    }
    expect(expired).toEqual([]);
    clock.run(leaseMs);
    expect(expired).toHaveLength(1);
  });

  test('survives a standstill of the whole machine: who could not be heard has not been silent', () => {
    let pending: (() => void) | undefined;
    const late: Clock = {
      now: () => 0,
      monotonic: () => 0,
      every: () => () => undefined,
      after: (_ms, callback) => {
        pending = callback;
        return () => undefined;
      },
    };
    const after = (): void => pending?.();
    const held = new Ownership(late);
    const ended: Owner[] = [];
    held.expired.on((owner) => ended.push(owner));
    held.claim({ uid: anna, mode: 'session' });
    // What has fallen due, an hour ago perhaps, is noticed now; then the app is heard.
    after();
    expect([ended, held.renew(anna)]).toEqual([[], 'renewed']);
    for (let i = 0; i < 4; i++) after();
    expect(ended).toHaveLength(1);
  });

  test('is not kept alive by another user, not even root', () => {
    ownership.claim({ uid: anna, mode: 'session' });
    clock.run(leaseMs - 1);
    expect([ownership.renew(bert), ownership.renew(0)]).toEqual(['none', 'none']);
    clock.run(1);
    expect(expired).toHaveLength(1);
  });

  test('released in time does not expire later', () => {
    ownership.claim({ uid: anna, mode: 'session' });
    ownership.release();
    expect(clock.pending).toBe(0);
    expect(ownership.owner).toBeNull();
  });
});

test('persistent has no lease and no timer', () => {
  ownership.claim({ uid: anna, mode: 'persistent' });
  expect(clock.pending).toBe(0);
  expect(ownership.renew(anna)).toBe('none');
});

test('a session that becomes persistent loses its lease, and the other way round', () => {
  ownership.claim({ uid: anna, mode: 'session' });
  ownership.claim({ uid: anna, mode: 'persistent' });
  clock.run(leaseMs);
  expect(expired).toEqual([]);
  ownership.claim({ uid: anna, mode: 'session' });
  clock.run(leaseMs);
  expect(expired).toHaveLength(1);
});

describe('after a crash of the helper', () => {
  test("the session's own user may come back within 60 s", () => {
    ownership.awaitReturn(anna);
    clock.run(returnMs - 1);
    expect([ownership.renew(bert), ownership.renew(anna)]).toEqual(['none', 'returned']);
    clock.run(1);
    expect(ownership.renew(anna)).toBe('none');
    expect(clock.pending).toBe(0);
  });

  test('while it is waited for it is still theirs, and only an administrator ends the wait', () => {
    ownership.awaitReturn(anna);
    expect(() => ownership.assertOpenTo(bert)).toThrow(expect.objectContaining({ details: { uid: anna } }));
    for (const uid of [anna, 0]) ownership.assertOpenTo(uid);
    clock.run(returnMs);
    ownership.assertOpenTo(bert);
    ownership.awaitReturn(anna);
    ownership.claim({ uid: bert, mode: 'persistent' });
    expect(ownership.renew(anna)).toBe('none');
    ownership.release();
    expect(ownership.renew(anna)).toBe('none');
  });
});

test('every change of the owner is told, and only those', () => {
  const seen: (Owner | null)[] = [];
  ownership.changed.on((owner) => seen.push(owner));
  ownership.release();
  ownership.claim({ uid: anna, mode: 'session' });
  ownership.renew(anna);
  ownership.release();
  expect(seen).toEqual([{ uid: anna, mode: 'session' }, null]);
});
