import { expect, test } from 'vitest';
import { defaultResolverOptions } from '../../../../../core/net/resolver-options.ts';
import { chooseSystemDns } from '../../../../../core/system/linux/system-dns/choose-system-dns.ts';
import type { DnsEnvironment } from '../../../../../core/system/linux/system-dns/dns-environment.ts';

const plain: DnsEnvironment = {
  resolvConf: 'file',
  nameservers: ['10.0.0.1'],
  resolvedRuns: false,
  networkManagerRuns: false,
  writtenBy: undefined,
  hostSources: ['files', 'dns'],
  base: { servers: ['10.0.0.1'], search: [], options: defaultResolverOptions, files: ['/etc/resolv.conf'] },
};
const resolve = ['files', 'resolve', 'dns'];
const stub = { resolvConf: 'link ../run/systemd/resolve/stub-resolv.conf', nameservers: ['127.0.0.53'] } as const;
const resolved = { ...stub, resolvedRuns: true };
const managed = 'SYSTEM_DNS_MANAGED';
const bypassed = 'SYSTEM_DNS_BYPASSED';

/** Machines as they are installed, who manages their file (undefined: nobody), and what is said of it. */
test.each<[string, Partial<DnsEnvironment>, string | undefined, string[]]>([
  ['a file of nobody', {}, undefined, []],
  ['no file', { resolvConf: 'missing', nameservers: [] }, undefined, []],
  ['an empty file', { nameservers: [] }, undefined, []],
  ['no nsswitch.conf (musl)', { hostSources: [] }, undefined, []],
  ['a forwarder on this machine', { nameservers: ['127.0.0.1'] }, undefined, []],
  ['a link of the person', { resolvConf: 'link /home/me/resolv.conf' }, undefined, []],
  ['Ubuntu server', { ...resolved }, 'systemd-resolved', [managed]],
  [
    'Fedora, asked by nss',
    { ...resolved, hostSources: resolve, networkManagerRuns: true },
    'systemd-resolved',
    [bypassed, managed],
  ],
  [
    'resolved, its uplinks linked',
    { resolvConf: 'link /run/systemd/resolve/resolv.conf', resolvedRuns: true },
    'systemd-resolved',
    [managed],
  ],
  [
    'resolved, a file with its stub',
    { resolvedRuns: true, nameservers: ['127.0.0.53'] },
    'systemd-resolved',
    [managed],
  ],
  ['resolved stopped, its link left', { ...stub, hostSources: resolve }, 'systemd-resolved', [managed]],
  ['resolved beside a file of the person', { resolvedRuns: true }, undefined, []],
  ['the same, asked by nss', { resolvedRuns: true, hostSources: resolve }, undefined, [bypassed]],
  ['nss names resolve, which does not run', { hostSources: resolve }, undefined, []],
  ['the stub without resolved (a copied file)', { nameservers: ['127.0.0.53'] }, undefined, []],
  ['NetworkManager, known by its directory', { networkManagerRuns: true }, 'NetworkManager', [managed]],
  [
    'NetworkManager, its file linked',
    { resolvConf: 'link /run/NetworkManager/resolv.conf' },
    'NetworkManager',
    [managed],
  ],
  [
    'NetworkManager, its file written',
    { writtenBy: 'NetworkManager', networkManagerRuns: true },
    'NetworkManager',
    [managed],
  ],
  ['a file that says who wrote it', { writtenBy: 'dhcpcd', networkManagerRuns: true }, 'dhcpcd', [managed]],
  ['resolvconf linked (Debian)', { resolvConf: 'link /run/resolvconf/resolv.conf' }, 'resolvconf', [managed]],
  ['openresolv written (NixOS)', { writtenBy: 'resolvconf' }, 'resolvconf', [managed]],
  ['netconfig linked (openSUSE)', { resolvConf: 'link /run/netconfig/resolv.conf' }, 'netconfig', [managed]],
  ['WSL', { writtenBy: 'WSL', nameservers: ['172.29.0.1'] }, 'WSL', [managed]],
])('%s', (_what, seen, manager, notes) => {
  const choice = chooseSystemDns({ ...plain, ...seen });
  expect(choice).toMatchObject({
    kind: 'resolv-conf',
    why:
      manager === undefined ? 'nothing manages the file' : `${manager} manages the file; it is replaced while active`,
  });
  expect(choice.notes.map((note) => note.code)).toEqual(notes);
});
