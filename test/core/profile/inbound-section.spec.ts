import { expect, test } from 'vitest';
import type { Config } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

const config = (text: string): Config =>
  loadProfile(text).config ?? expect.unreachable(JSON.stringify(loadProfile(text).problems));
const codes = (text: string) => loadProfile(text).problems.map(({ code }) => code);

test('allow-lan without users listens on the loopback, says so, and tells what opens it', () => {
  const text = 'mixed-port: 7890\nallow-lan: true\nrules: ["MATCH,DIRECT"]';
  expect(config(text).mixed).toEqual({ address: '127.0.0.1', port: 7890, users: [] });
  expect(loadProfile(text).problems).toMatchObject([
    { severity: 'warning', code: 'LAN_NEEDS_USERS', line: 2, column: 12, hint: 'ADD_USERS' },
  ]);
  expect(codes('allow-lan: true\nrules: ["MATCH,DIRECT"]')).toEqual([]);
  expect(config(`${text}\nauthentication: ["a:b"]`).mixed?.address).toBe('0.0.0.0');
  expect(config(`${text}\nallow-lan-without-users: true`).mixed?.address).toBe('0.0.0.0');
  expect(codes(`${text}\nallow-lan-without-users: true`)).toEqual([]);
  expect(config(`mixed-port: 7001\nallow-lan-without-users: true`).mixed?.address).toBe('127.0.0.1');
});

test('the mixed port is never open to more than the profile says', () => {
  const mixed = (more: string) => config(`mixed-port: 7001\nallow-lan: true\n${more}`).mixed;
  expect(mixed('authentication: [nocolon]')).toBeNull();
  const users = [{ username: 'a', password: 'b' }];
  expect(
    mixed('authentication: ["a:b"]\nlan-allowed-ips: [10.0.0.1/8, "::1"]\nlan-disallowed-ips: 10.0.0.1/32'),
  ).toEqual({
    address: '0.0.0.0',
    port: 7001,
    users,
    allowed: ['10.0.0.0/8', '::1/128'],
    refused: ['10.0.0.1/32'],
  });
  expect(mixed('lan-allowed-ips: [10.0.0.0/8]')).toEqual({ address: '127.0.0.1', port: 7001, users: [] });
  expect(mixed('authentication: ["a:b"]\nlan-disallowed-ips: [10.0.0.1/33]')?.address).toBe('127.0.0.1');
  expect(mixed('authentication: ["a:b"]\nlan-allowed-ips: [nowhere]')?.address).toBe('127.0.0.1');
  expect(mixed('authentication: ["a:b", "a:c"]')?.users).toEqual([{ username: 'a', password: 'c' }]);
});

test.each([
  ['port: 7890', 7890],
  ['socks-port: 7891', 7891],
  ['port: 7890\nsocks-port: 7891', 7890],
  ['port: 7890\nmixed-port: 7893', 7893],
  ['port: 0\nsocks-port: 7891', 7891],
])('%j: one port takes HTTP and SOCKS', (text, port) => {
  expect(config(text).mixed).toEqual({ address: '127.0.0.1', port, users: [] });
});
