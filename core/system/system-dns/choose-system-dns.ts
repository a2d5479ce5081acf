/** Decides how system DNS is set on Linux: a pure function over what was seen of the machine, with its reason and notes. */
import type { HealthWarning } from '../../contract/status.ts';

export interface DnsEnvironment {
  /** What /etc/resolv.conf is; for a link, where it leads. */
  readonly resolvConf: 'missing' | 'file' | `link ${string}`;
  /** The servers it names. */
  readonly nameservers: readonly string[];
  readonly resolvedRuns: boolean;
  readonly networkManagerRuns: boolean;
  /** The program that announces itself in the file's first comments, e.g. `NetworkManager`, `resolvconf`, `dhcpcd`. */
  readonly writtenBy: string | undefined;
  /** The sources of the `hosts:` line of /etc/nsswitch.conf. */
  readonly hostSources: readonly string[];
}

export interface SystemDnsChoice {
  /** More kinds come with managers that are asked instead of overwritten. */
  readonly kind: 'static';
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
  if (environment.resolvedRuns && environment.hostSources.includes('resolve')) {
    notes.push({
      code: 'SYSTEM_DNS_BYPASSED',
      severity: 'warning',
      title: 'Some programs ask systemd-resolved directly',
      text: 'The hosts line of /etc/nsswitch.conf names "resolve", so programs ask systemd-resolved and not the server in /etc/resolv.conf. Their connections may appear by address instead of by name.',
      action: 'Put "dns" before "resolve" in the hosts line of /etc/nsswitch.conf.',
    });
  }
  if (manager !== undefined) {
    notes.push({
      code: 'SYSTEM_DNS_MANAGED',
      severity: 'notice',
      title: `${manager} also manages DNS`,
      text: `While system DNS is on, Mirage's server stands in /etc/resolv.conf; what ${manager} writes meanwhile is kept and comes back when it is turned off.`,
    });
  }
  return { kind: 'static', why, notes };
}

function managerOf(environment: DnsEnvironment): string | undefined {
  const target = environment.resolvConf.startsWith('link ') ? environment.resolvConf.slice(5) : '';
  if (target.includes('systemd/resolve/')) return 'systemd-resolved';
  if (target.includes('NetworkManager')) return 'NetworkManager';
  if (target.includes('resolvconf')) return 'resolvconf';
  if (environment.resolvedRuns && environment.nameservers.includes('127.0.0.53')) return 'systemd-resolved';
  if (environment.writtenBy !== undefined) return environment.writtenBy;
  return environment.networkManagerRuns ? 'NetworkManager' : undefined;
}
