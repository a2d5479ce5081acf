import { expect, test } from 'vitest';
import { mixedPortProxy } from '../../../core/app/mixed-port-proxy.ts';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import { stoppedSnapshot } from '../../support/helper-double.ts';

const listening = (address: string): Snapshot => ({ ...stoppedSnapshot, mine: true, mixed: { address, port: 7890 } });
const withUsers: Config = {
  ...defaultConfig,
  mixed: { address: '127.0.0.1', port: 7890, users: [{ username: 'anna', password: 'p' }] },
};

test('where it listens, with its first user', () => {
  expect(mixedPortProxy(listening('127.0.0.1'), defaultConfig)).toEqual({ host: '127.0.0.1', port: 7890 });
  expect(mixedPortProxy(listening('127.0.0.1'), withUsers)).toMatchObject({
    credentials: { username: 'anna', password: 'p' },
  });
  expect(mixedPortProxy(listening('0.0.0.0'), undefined)).toMatchObject({ host: '127.0.0.1' });
  expect(mixedPortProxy(listening('::'), undefined)).toMatchObject({ host: '::1' });
});

test('directly while it does not listen, is not known, or is the port of another user', () => {
  expect(mixedPortProxy(undefined, defaultConfig)).toBeUndefined();
  expect(mixedPortProxy({ ...stoppedSnapshot, mixed: null }, defaultConfig)).toBeUndefined();
  expect(mixedPortProxy({ ...listening('127.0.0.1'), mine: false }, defaultConfig)).toBeUndefined();
});
