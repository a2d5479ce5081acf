import { expect, test } from 'vitest';
import { chooseSystemDns, type DnsEnvironment } from '../../../../core/system/system-dns/choose-system-dns.ts';

const plain: DnsEnvironment = {
  resolvConf: 'file',
  nameservers: ['10.0.0.1'],
  resolvedRuns: false,
  networkManagerRuns: false,
  writtenBy: undefined,
  hostSources: ['files', 'dns'],
};
const stub = 'link ../run/systemd/resolve/stub-resolv.conf' as const;

test.each<[string, Partial<DnsEnvironment>, string, string[]]>([
  ['a file of nobody', {}, 'nothing manages the file', []],
  ['no file', { resolvConf: 'missing', nameservers: [] }, 'nothing manages the file', []],
  [
    'resolved by link, not asked directly',
    { resolvConf: stub, resolvedRuns: true },
    'systemd-resolved manages the file; it is replaced while active',
    ['SYSTEM_DNS_MANAGED'],
  ],
  [
    'resolved asked directly by nss',
    { resolvConf: stub, resolvedRuns: true, hostSources: ['files', 'resolve', 'dns'] },
    'systemd-resolved manages the file; it is replaced while active',
    ['SYSTEM_DNS_BYPASSED', 'SYSTEM_DNS_MANAGED'],
  ],
  [
    'nss names resolve, but it does not run',
    { hostSources: ['files', 'resolve', 'dns'] },
    'nothing manages the file',
    [],
  ],
  [
    'a file that points to its stub',
    { resolvedRuns: true, nameservers: ['127.0.0.53'] },
    'systemd-resolved manages the file; it is replaced while active',
    ['SYSTEM_DNS_MANAGED'],
  ],
  [
    'NetworkManager by its directory',
    { networkManagerRuns: true },
    'NetworkManager manages the file; it is replaced while active',
    ['SYSTEM_DNS_MANAGED'],
  ],
  [
    'a file that says who wrote it',
    { writtenBy: 'dhcpcd', networkManagerRuns: true },
    'dhcpcd manages the file; it is replaced while active',
    ['SYSTEM_DNS_MANAGED'],
  ],
  [
    'resolvconf by link',
    { resolvConf: 'link /run/resolvconf/resolv.conf' },
    'resolvconf manages the file; it is replaced while active',
    ['SYSTEM_DNS_MANAGED'],
  ],
])('%s', (_what, seen, why, notes) => {
  const choice = chooseSystemDns({ ...plain, ...seen });
  expect(choice).toMatchObject({ kind: 'static', why });
  expect(choice.notes.map((note) => note.code)).toEqual(notes);
});
