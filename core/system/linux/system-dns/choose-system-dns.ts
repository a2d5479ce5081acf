/** Decides how system DNS is set on Linux: a pure function over what was seen of the machine, with its reason and notes. */
import type { HealthWarning } from '../../../contract/status.ts';
import { warningOf } from '../../../contract/warning-texts.ts';
import type { UndoKind } from '../../undo-record.ts';
import type { DnsEnvironment } from './dns-environment.ts';

/** The backends: each a kind of record in the undo journal. More come with managers that are asked instead of overwritten. */
export const dnsBackendKinds = ['resolv-conf'] as const satisfies readonly UndoKind[];
export type DnsBackendKind = (typeof dnsBackendKinds)[number];

export interface SystemDnsChoice {
  readonly kind: DnsBackendKind;
  readonly why: string;
  readonly notes: readonly HealthWarning[];
}

/** Codes of the notes, to be cleared when system DNS is off. */
export const dnsNoteCodes = ['SYSTEM_DNS_BYPASSED', 'SYSTEM_DNS_MANAGED'] as const;

export function chooseSystemDns(environment: DnsEnvironment): SystemDnsChoice {
  const manager = managerOf(environment);
  const why =
    manager === undefined ? 'nothing manages the file' : `${manager} manages the file; it is replaced while active`;
  const notes: HealthWarning[] = [];
  // nss-resolve asks the daemon by a socket: resolv.conf is not read at all.
  if (environment.resolvedRuns && environment.hostSources.includes('resolve'))
    notes.push(warningOf('SYSTEM_DNS_BYPASSED', {}));
  if (manager !== undefined) notes.push(warningOf('SYSTEM_DNS_MANAGED', { manager }));
  return { kind: 'resolv-conf', why, notes };
}

function managerOf(environment: DnsEnvironment): string | undefined {
  const target = environment.resolvConf.startsWith('link ') ? environment.resolvConf.slice(5) : '';
  if (target.includes('systemd/resolve/')) return 'systemd-resolved';
  if (target.includes('NetworkManager')) return 'NetworkManager';
  if (target.includes('resolvconf')) return 'resolvconf';
  if (target.includes('netconfig')) return 'netconfig';
  if (environment.resolvedRuns && environment.nameservers.includes('127.0.0.53')) return 'systemd-resolved';
  if (environment.writtenBy !== undefined) return environment.writtenBy;
  return environment.networkManagerRuns ? 'NetworkManager' : undefined;
}
