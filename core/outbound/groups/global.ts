/** The group of mode `global`, where the profile has none of its own: everything that there is, for a person to choose from. */
import { type Config, type GroupConfig, globalGroup } from '../../contract/config.ts';

/** The groups of a configuration with it. DIRECT comes first, as in Clash, so nothing goes anywhere else before a choice. */
export function withGlobal({ proxies, groups }: Pick<Config, 'proxies' | 'groups'>): GroupConfig[] {
  if ([...proxies, ...groups].some(({ name }) => name === globalGroup)) return [...groups];
  const members = ['DIRECT', 'REJECT', ...proxies.map(({ name }) => name), ...groups.map(({ name }) => name)];
  return [...groups, { name: globalGroup, type: 'select', members, udp: true, hidden: false }];
}
