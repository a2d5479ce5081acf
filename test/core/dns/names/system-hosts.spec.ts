import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../core/base/logger.ts';
import { HostTable } from '../../../../core/dns/names/hosts.ts';
import { parseHosts, SystemHosts } from '../../../../core/dns/names/system-hosts.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const text = `
# The following lines are desirable
127.0.0.1\tlocalhost app.localhost
127.0.1.1 desk.lan.example desk   # this machine
192.0.2.7  NAS.Example. nas nas.example
2001:DB8::7 nas.example
not-an-address x.example
192.0.2.9
`;
let clock: ManualClock;
let file: { stamp: () => string; text: string | Error; reads: number };
let hosts: SystemHosts;

beforeEach(() => {
  clock = new ManualClock();
  file = { stamp: () => 'first', text, reads: 0 };
  hosts = new SystemHosts(
    {
      stamp: () => file.stamp(),
      read: () => {
        file.reads += 1;
        if (file.text instanceof Error) throw file.text;
        return file.text;
      },
    },
    clock,
    silentLogger,
  );
});

test('names lead to all their addresses, an address to the first name of its line; the loopback’s names are left out', () => {
  const { addresses, names } = parseHosts(text);
  expect(Object.fromEntries(addresses)).toEqual({
    'desk.lan.example': ['127.0.1.1'],
    desk: ['127.0.1.1'],
    'nas.example': ['192.0.2.7', '2001:db8::7'],
    nas: ['192.0.2.7'],
  });
  expect(Object.fromEntries(names)).toEqual({
    '127.0.1.1': 'desk.lan.example',
    '192.0.2.7': 'nas.example',
    '2001:db8::7': 'nas.example',
  });
});

describe('the file', () => {
  test('is read at the first question and after a change, looked at once a second', async () => {
    expect(file.reads).toBe(0);
    for (let i = 0; i < 3; i++) expect(hosts.lookup('nas')).toEqual(['192.0.2.7']);
    const { revision } = hosts;
    await clock.advance(1_000);
    hosts.lookup('nas');
    expect(file.reads).toBe(1);
    Object.assign(file, { text: '192.0.2.8 nas', stamp: () => 'changed' });
    expect(hosts.lookup('nas')).toEqual(['192.0.2.7']);
    await clock.advance(1_000);
    expect(hosts.lookup('nas')).toEqual(['192.0.2.8']);
    expect(hosts.revision).toBeGreaterThan(revision);
  });

  test('that cannot be read is empty, until it can', async () => {
    file.text = new Error('EACCES');
    expect(hosts.lookup('nas')).toBeUndefined();
    file.text = text;
    await clock.advance(1_000);
    expect(hosts.nameOf('192.0.2.7')).toBe('nas.example');
  });
});

test("the configuration's hosts come first, and lead to the system's", () => {
  const table = new HostTable({ 'nas.example': '192.0.2.99', 'files.example': 'nas' }, hosts);
  expect(table.follow('nas.example')?.addresses).toEqual(['192.0.2.99']);
  expect(table.follow('files.example')).toEqual({ names: ['files.example', 'nas'], addresses: ['192.0.2.7'] });
  expect(table.has('desk')).toBe(true);
  expect(table.has('other.example')).toBe(false);
});
