import { describe, expect, test } from 'vitest';
import { FakeIpRange } from '../../../../core/dns/fake-ip/fake-ip-range.ts';

describe('the usual range', () => {
  const range = new FakeIpRange('198.18.0.0/15');

  test('reserves network, TUN, DNS server and the last address', () => {
    expect(range).toMatchObject({ tunAddress: '198.18.0.1', dnsAddress: '198.18.0.2', capacity: 131_068 });
    expect(range.addressOf(0)).toBe('198.18.0.3');
    expect(range.addressOf(range.capacity - 1)).toBe('198.19.255.254');
    for (const reserved of ['198.18.0.0', '198.18.0.1', '198.18.0.2', '198.19.255.255']) {
      expect(range.slotOf(reserved), reserved).toBeUndefined();
      expect(range.contains(reserved), reserved).toBe(true);
    }
  });

  test('knows its own addresses from others', () => {
    for (const foreign of ['198.17.255.255', '198.20.0.0', '::1', '2001:db8::c612:5']) {
      expect(range.contains(foreign), foreign).toBe(false);
      expect(range.slotOf(foreign), foreign).toBeUndefined();
    }
    for (const slot of [0, 1, 65_535, 131_067]) expect(range.slotOf(range.addressOf(slot))).toBe(slot);
  });
});

test('two ranges have addresses in common or not', () => {
  const range = new FakeIpRange('198.18.0.0/15');
  for (const other of ['198.18.0.0/15', '198.19.7.0/24', '198.16.0.0/14'])
    expect(range.overlaps(new FakeIpRange(other)), other).toBe(true);
  for (const other of ['198.20.0.0/15', '10.0.0.0/8'])
    expect(range.overlaps(new FakeIpRange(other)), other).toBe(false);
  expect(range.networkAddress).toBe('198.18.0.0');
});

test('host bits are dropped', () => {
  expect(new FakeIpRange('198.18.3.7/16').text).toBe('198.18.0.0/16');
});

test.each([
  ['198.18.0.0/29', 'FAKE_IP_RANGE_TOO_SMALL'],
  ['198.18.0.1', 'FAKE_IP_RANGE_TOO_SMALL'],
  ['10.0.0.0/7', 'CONFIG_INVALID'],
  ['fdfe::/112', 'CONFIG_INVALID'],
  ['198.18.0.0/33', 'CONFIG_INVALID'],
  ['everything', 'CONFIG_INVALID'],
])('%s is refused with %s', (text, code) => {
  expect(() => new FakeIpRange(text)).toThrow(expect.objectContaining({ code }));
});

test('16 addresses are enough', () => {
  expect(new FakeIpRange('198.18.0.0/28').capacity).toBe(12);
});
