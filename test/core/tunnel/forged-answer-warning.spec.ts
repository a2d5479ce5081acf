import { expect, test } from 'vitest';
import type { HealthWarning } from '../../../core/contract/status.ts';
import { ForgedAnswerWarning } from '../../../core/tunnel/forged-answer-warning.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('twice is a pattern: said once a server, with what to do, and taken back after a calm hour', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const health = {
    raise: ({ code, text, action = '' }: HealthWarning) =>
      void told.push(`+${code} ${/udp:\S+/.exec(text)?.[0] ?? ''} ${/tls:\/\//.exec(action)?.[0] ?? ''}`),
    clear: (code: string) => void told.push(`-${code}`),
  };
  const warning = new ForgedAnswerWarning(health, clock);
  warning.raise('udp://192.0.2.53:53', 1);
  expect(told).toEqual([]);
  for (const count of [2, 3]) warning.raise('udp://192.0.2.53:53', count);
  expect(told.splice(0)).toEqual(['+DNS_FORGED_ANSWERS udp://192.0.2.53:53 tls://']);
  await clock.advance(3_599_999);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(['-DNS_FORGED_ANSWERS']);
});
