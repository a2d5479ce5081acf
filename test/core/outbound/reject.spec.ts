import { expect, test } from 'vitest';
import { RejectOutbound } from '../../../core/outbound/reject.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { dialOptions } from './doubles.ts';

const to = { host: 'ads.example', port: 443 };

test('REJECT resets at once, UDP included', async () => {
  const reject = new RejectOutbound('REJECT', { drop: false, clock: new ManualClock() });
  expect(reject.carriesUdp).toBe(true);
  expect(await reject.plan()).toEqual({ kind: 'reject', how: 'reset' });
  await expect(reject.dialStream(to, dialOptions())).rejects.toMatchObject({ code: 'DIAL_REJECTED' });
});

test('REJECT-DROP is silent for the whole time', async () => {
  const clock = new ManualClock();
  const drop = new RejectOutbound('REJECT-DROP', { drop: true, clock });
  expect(await drop.plan()).toEqual({ kind: 'reject', how: 'drop' });
  let code: unknown;
  const dial = drop.dialStream(to, dialOptions(1000)).catch((error: { code: unknown }) => (code = error.code));
  await clock.advance(999);
  expect(code).toBeUndefined();
  await clock.advance(1);
  await dial;
  expect(code).toBe('DIAL_REJECTED');
});

test('silence ends when the client has given up', async () => {
  const drop = new RejectOutbound('REJECT-DROP', { drop: true, clock: new ManualClock() });
  const life = new AbortController();
  let over = false;
  const dial = drop.dialStream(to, { signal: life.signal, timeoutMs: 1000 }).catch(() => (over = true));
  life.abort();
  await settle();
  expect(over).toBe(true);
  await dial;
});
