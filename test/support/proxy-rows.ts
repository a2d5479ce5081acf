/** Rows of nodes and groups as the helper makes them, for specs of who shows them. */
import type { GroupRow, ProxyRow } from '../../core/contract/proxies.ts';
import type { GroupProxyRow } from '../../core/contract/proxy-views.ts';

export const usualTest = {
  url: 'https://test.example/204',
  expectedStatus: '204',
  timeout: 5000,
  interval: 300,
  tolerance: 50,
  lazy: true,
} as const;

/** A node whose last test took `ms`; null = it failed, undefined = there was none. */
export function nodeRow(name: string, ms?: number | null, more: Partial<ProxyRow> = {}): ProxyRow {
  const { url, expectedStatus, timeout } = usualTest;
  const history = ms === undefined ? [] : [{ at: 1_700_000_000_000, ms }];
  const delays = ms === undefined ? [] : [{ url, expectedStatus, timeout, alive: ms !== null, history }];
  return { name, order: 0, kind: 'socks5', way: 'proxied', udp: true, testing: false, delays, ...more };
}

export function unspokenRow(name: string, kind = 'vmess'): ProxyRow {
  return nodeRow(name, undefined, { kind, way: 'rejected', refusal: { code: 'DIAL_NOT_SPOKEN', message: 'not yet' } });
}

export function groupRow(name: string, group: Partial<GroupRow> = {}, more: Partial<ProxyRow> = {}): GroupProxyRow {
  const now = group.now ?? group.members?.[0] ?? null;
  return {
    ...nodeRow(name),
    kind: group.type ?? 'select',
    ...more,
    group: {
      type: 'select',
      members: [],
      now,
      leaf: now,
      chosen: null,
      selectable: true,
      test: usualTest,
      hidden: false,
      ...group,
    },
  };
}
