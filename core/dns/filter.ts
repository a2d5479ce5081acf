/**
 * Which names never get a fake address: those that only the real answer helps (connectivity checks, NTP, STUN, consoles,
 * router portals, overlay networks) and those that belong to the local network.
 */
import { AppError } from '../base/app-error.ts';
import { DomainTrie } from '../base/domain.ts';

/** Always filtered, beside what the configuration adds. */
export const builtInFilter: readonly string[] = [
  // Connectivity checks and captive portals
  '+.msftncsi.com',
  '+.msftconnecttest.com',
  'captive.apple.com',
  'gsp1.apple.com',
  'connectivitycheck.gstatic.com',
  'connectivitycheck.android.com',
  'detectportal.firefox.com',
  'connectivity-check.ubuntu.com',
  'network-test.debian.org',
  'nmcheck.gnome.org',
  'networkcheck.kde.org',
  'ping.archlinux.org',
  'connect.rom.miui.com',
  'connectivitycheck.platform.hicloud.com',
  // Time
  '+.pool.ntp.org',
  'ntp.*.com',
  'time.*.com',
  'time1.*.com',
  'time2.*.com',
  'time3.*.com',
  'time4.*.com',
  'time.*.gov',
  '+.ntp.org.cn',
  // STUN
  'stun.*',
  '+.stun.*.*',
  '+.stun.*.*.*',
  '+.stun.*.*.*.*',
  // Consoles
  '+.srv.nintendo.net',
  '+.cdn.nintendo.net',
  '+.xboxlive.com',
  'xbox.*.microsoft.com',
  'xbox.*.*.microsoft.com',
  '+.stun.playstation.net',
  // Overlay networks
  '+.tailscale.com',
  '+.tailscale.io',
  '+.ts.net',
  '+.zerotier.com',
  // Router portals
  '+.fritz.box',
  '+.routerlogin.com',
  '+.routerlogin.net',
  '+.tplinkwifi.net',
  '+.tplogin.cn',
  '+.miwifi.com',
  '+.asusrouter.com',
  'router.asus.com',
  'melogin.cn',
  'speedport.ip',
  'orbilogin.com',
  'my.keenetic.net',
  // The local network
  '+.localdomain',
  '+.local',
  '+.lan',
  '+.internal',
  // home.arpa, the reverse zones, and ipv4only.arpa (RFC 7050: its whole point is the real answer)
  '+.arpa',
];

export class FakeIpFilter {
  readonly #patterns = new DomainTrie<true>();

  /** `patterns` are added to the built-in ones. Throws CONFIG_INVALID with the entry named: a filter is never half in force. */
  constructor(patterns: readonly string[]) {
    for (const pattern of [...builtInFilter, ...patterns]) {
      const problem = this.#patterns.insert(pattern, true);
      if (problem !== undefined) throw new AppError('CONFIG_INVALID', `fake-ip-filter: "${pattern}": ${problem}`);
    }
  }

  /** Whether a normalised name gets its real answer. The root, single labels and names that look like addresses do. */
  keepsReal(name: string): boolean {
    const lastDot = name.lastIndexOf('.');
    if (lastDot < 0 || /^\d+$/.test(name.slice(lastDot + 1))) return true;
    return this.#patterns.lookup(name) === true;
  }
}
