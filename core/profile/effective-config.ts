/** Fills in what a profile does not say, so that the helper is handed a whole configuration. */
import { type Config, defaultConfig, type GroupConfig, type MixedConfig, type RuleConfig } from '../contract/config.ts';
import type { DnsConfig } from '../contract/dns-config.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import type { DnsSection } from './dns-section.ts';
import type { TunSection } from './tun-section.ts';

export interface ProfileParts {
  readonly logLevel?: Config['logLevel'];
  readonly ipv6?: Config['ipv6'];
  readonly dns: DnsSection;
  readonly sniffer?: Partial<Config['sniffer']>;
  readonly hosts: DnsConfig['hosts'];
  readonly tun: TunSection;
  readonly mixed: MixedConfig | null;
  readonly mode: Config['mode'];
  readonly proxies: ProxyConfig[];
  readonly groups: GroupConfig[];
  readonly checks: Config['checks'];
  readonly rules: RuleConfig[];
  readonly subRules: Config['subRules'];
  readonly sets: Config['sets'];
}

/**
 * What is absent in `dns` and `tun` is as in the built-in default. Ports, proxies and rules are only what the profile says:
 * as in Clash, a profile without `mixed-port` opens none, and what no rule matches goes DIRECT.
 */
export function effectiveConfig(parts: ProfileParts): Config {
  return {
    logLevel: parts.logLevel ?? defaultConfig.logLevel,
    ipv6: parts.ipv6 ?? defaultConfig.ipv6,
    dns: { ...defaultConfig.dns, ...parts.dns, hosts: parts.hosts },
    sniffer: { ...defaultConfig.sniffer, ...parts.sniffer },
    tun: { ...defaultConfig.tun, ...parts.tun },
    mixed: parts.mixed,
    mode: parts.mode,
    proxies: parts.proxies,
    groups: parts.groups,
    checks: parts.checks,
    rules: parts.rules,
    subRules: parts.subRules,
    sets: parts.sets,
  };
}
