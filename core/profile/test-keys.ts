/** How nodes are tested, as a group or the `health-check` of a provider says it. */
import { type GroupTest, usualTest } from '../contract/config.ts';
import { clip } from './clip.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** What is the same for both; what is not said is as usual. */
export type TestKeys = Pick<GroupTest, 'url' | 'interval' | 'timeout' | 'lazy' | 'expectedStatus'>;

export function readTestKeys(map: YamlMap, usualInterval: number): TestKeys {
  const url = map.take('url')?.text()?.trim();
  const interval = map.take('interval')?.integer(0, 31_536_000) ?? 0;
  const timeout = map.take('timeout')?.integer(0, 600_000) ?? 0;
  return {
    url: url === undefined || url === '' || url.length > 2048 ? usualTest.url : url,
    interval: interval > 0 ? interval : usualInterval,
    timeout: timeout > 0 ? timeout : usualTest.timeout,
    lazy: map.take('lazy')?.boolean() ?? usualTest.lazy,
    expectedStatus: readStatus(map.take('expected-status')),
  };
}

function readStatus(value: YamlValue | undefined): string {
  const text = value?.text()?.replaceAll(/\s/g, '');
  if (value === undefined || text === undefined || text === '') return usualTest.expectedStatus;
  if (/^(\*|\d{1,3}(-\d{1,3})?(\/\d{1,3}(-\d{1,3})?)*)$/.test(text)) return text;
  value.warning('GROUP_STATUS', { found: clip(text) }, 'STATUS');
  return usualTest.expectedStatus;
}
