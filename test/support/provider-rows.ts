/** Providers of a profile as people see them, for a Mirage in memory: some of every kind and fate. */
import type { ProviderRow } from '../../core/contract/providers.ts';

const hour = 3_600_000;

/** `now`: Unix milliseconds. */
export function sampleProviders(now: number): ProviderRow[] {
  const there = { source: 'http', host: 'cdn.example', leftOut: 0, updating: false } as const;
  const use = (groups: string[], rules: ProviderRow['use']['rules'] = []) => ({
    groups,
    rules,
    ruleCount: rules.length,
  });
  const rule = (payload: string, policy: string) => ({ type: 'RULE-SET', payload, policy });
  return [
    {
      ...there,
      name: '机场 A',
      kind: 'proxies',
      host: 'sub.example',
      entries: 128,
      updatedAt: now - 2 * hour,
      nextAt: now + 10 * hour,
      use: use(['Proxy', '自动选择', '香港']),
    },
    {
      ...there,
      name: 'backup',
      kind: 'proxies',
      entries: null,
      updatedAt: null,
      nextAt: now + 60_000,
      error: { code: 'DOWNLOAD_STATUS', message: 'the server answered 404' },
      use: use(['Fallback']),
    },
    {
      ...there,
      name: 'ads',
      kind: 'rules',
      behavior: 'domain',
      format: 'mrs',
      entries: 84_213,
      updatedAt: now - 30 * hour,
      nextAt: now + 30_000,
      error: { code: 'DOWNLOAD_TIMEOUT', message: 'no answer came' },
      use: use([], [rule('ads', 'REJECT'), rule('ads', 'Proxy')]),
    },
    {
      ...there,
      name: 'cn-ip',
      kind: 'rules',
      behavior: 'ipcidr',
      format: 'text',
      entries: 5_893,
      leftOut: 2,
      updatedAt: now - hour,
      nextAt: now + 23 * hour,
      use: use([], [rule('cn-ip', 'DIRECT')]),
    },
    {
      name: 'mine',
      kind: 'rules',
      source: 'inline',
      behavior: 'classical',
      entries: 3,
      leftOut: 0,
      updatedAt: null,
      nextAt: null,
      updating: false,
      use: use([]),
    },
    {
      ...there,
      name: 'geosite',
      kind: 'geodata',
      host: 'geo.example',
      entries: 2,
      updatedAt: now - 50 * hour,
      nextAt: null,
      lists: ['geosite:cn', 'geosite:google'],
      use: use([], [{ type: 'GEOSITE', payload: 'cn', policy: 'DIRECT' }]),
    },
  ];
}
