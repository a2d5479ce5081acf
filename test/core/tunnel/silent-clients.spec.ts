import { expect, test } from 'vitest';
import { SilentClients } from '../../../core/tunnel/silent-clients.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const clock = new ManualClock();
const mail = { host: '192.0.2.25', port: 8443 };

test('one silent look is enough, for that address and port, until a client speaks or ten minutes have passed', async () => {
  const clients = new SilentClients(clock);
  expect(clients.patience(mail, 300)).toBe(300);
  clients.note(mail, false);
  expect([clients.patience(mail, 300), clients.patience(mail, 5)]).toEqual([20, 5]);
  for (const other of [
    { ...mail, port: 443 },
    { ...mail, host: '2001:db8::1' },
  ])
    expect(clients.patience(other, 300)).toBe(300);
  clients.note(mail, true);
  expect(clients.patience(mail, 300)).toBe(300);
  clients.note(mail, false);
  await clock.advance(600_000);
  expect(clients.patience(mail, 300)).toBe(300);
});

test('what is remembered has a bound: the newest stay', () => {
  const clients = new SilentClients(clock);
  for (let port = 1; port <= 3_000; port++) clients.note({ host: '192.0.2.25', port }, false);
  const short = Array.from({ length: 3_000 }, (_, i) => clients.patience({ host: '192.0.2.25', port: i + 1 }, 300));
  expect(short.filter((ms) => ms === 20)).toHaveLength(1_024);
  expect(short[0]).toBe(300);
});
