/** What the tests of the plan have in common: a device of ours, a LAN, and rules and tables of others. */
import type { OtherRoute } from '../../../../../core/system/linux/routes/default-pieces.ts';
import { readOtherRules } from '../../../../../core/system/linux/routes/other-rules.ts';
import { type Others, planRoutes } from '../../../../../core/system/linux/routes/route-plan.ts';
import type { JsonObject } from '../../../../../core/system/linux/routes/rule-text.ts';
import type { Family, RouteConfig } from '../../../../../core/system/routes.ts';

export const base: RouteConfig = {
  capture: 'everything',
  device: 'mirage0',
  tunAddress4: '198.18.0.1',
  mark: 0x4d49,
  otherDevices: [],
  tunPrefix6: 'fdfe:dcba:9876::1/126',
  fakeRanges: ['198.18.0.0/15'],
  exclude: [],
  ipv6: false,
  strict: false,
  sparedMark: 0x4d4a,
};

/** The machine's own rule, as `ip -N -j rule` shows it. */
export const mainRule = { priority: 32_766, src: 'all', table: '254' };
export const lan: OtherRoute[] = [
  { prefix: '10.20.0.0/24', hop: 'eth0' },
  { prefix: '172.17.0.0/16', hop: 'docker0' },
];

/** Rules and tables of IPv4 (or of IPv6 alone) beside the machine's own. */
export function othersWith(rules: JsonObject[], tables: Record<number, OtherRoute[]>, family: Family = 4): Others {
  const all = readOtherRules([...rules, mainRule].toSorted((a, b) => Number(a.priority) - Number(b.priority)));
  const routes = new Map(Object.entries(tables).map(([table, list]) => [Number(table), list]));
  const plain = { rules: readOtherRules([mainRule]), routes: new Map() };
  return { 4: plain, 6: plain, [family]: { rules: all, routes } };
}

export const text = (config: RouteConfig, others = othersWith([], { 254: lan })): string =>
  planRoutes(config, others)
    .map((entry) => `${entry.family} ${entry.kind} ${entry.text}`)
    .join('\n');
