/** How people see nodes and groups, the same in window and tray. Pure; loads no schema. */
import type { globalGroup, PolicyMode } from './config.ts';
import type { Delay, GroupRow, NodeDelays, ProxyRow } from './proxies.ts';

const global: typeof globalGroup = 'GLOBAL';

/** A row that is a group. */
export type GroupProxyRow = ProxyRow & { readonly group: GroupRow };

export function isGroupRow(row: ProxyRow | undefined): row is GroupProxyRow {
  return row?.group !== undefined;
}

/**
 * The groups to show, in the order of the profile. GLOBAL comes first in mode global, where it alone counts; in the others it is as
 * good as hidden, unless there is no other group.
 */
export function shownGroups(rows: Iterable<ProxyRow>, mode: PolicyMode, withHidden: boolean): readonly GroupProxyRow[] {
  const groups = [...rows].filter(isGroupRow).sort((a, b) => a.order - b.order);
  const first = groups.filter(({ name }) => name === global);
  const own = groups.filter(({ name, group }) => name !== global && (withHidden || !group.hidden));
  if (mode === 'global') return [...first, ...own];
  return withHidden || own.length === 0 ? [...own, ...first] : own;
}

/** From a group to where it leads in the end, itself first: as far as each leads to one member. */
export function chainOf(name: string, rowOf: (name: string) => ProxyRow | undefined): string[] {
  const chain = [name];
  for (let next = rowOf(name)?.group?.now; typeof next === 'string' && !chain.includes(next); ) {
    chain.push(next);
    next = rowOf(next)?.group?.now;
  }
  return chain;
}

export type TestKey = Pick<NodeDelays, 'url' | 'expectedStatus' | 'timeout'>;

/** The tests of a row by the test of a group. */
export function delaysBy({ delays }: ProxyRow, test: TestKey): NodeDelays | undefined {
  return delays.find(
    ({ url, expectedStatus, timeout }) =>
      url === test.url && expectedStatus === test.expectedStatus && timeout === test.timeout,
  );
}

export const proxyStates = ['alive', 'dead', 'failed', 'untested', 'unspoken', 'empty', 'refused'] as const;
/**
 * `dead`: the last test failed; `failed`: a connection did since. `unspoken`: a protocol that is not supported yet; `empty`: a group
 * with nothing to offer; `refused`: nothing can be dialled through it for another reason.
 */
export type ProxyState = (typeof proxyStates)[number];

/** What is to be said of a row in a group with this test. */
export function proxyStateOf(row: ProxyRow | undefined, test: TestKey): { state: ProxyState; last: Delay | undefined } {
  const tests = row === undefined ? undefined : delaysBy(row, test);
  const last = tests?.history.at(-1);
  return { state: stateOf(row, last, tests?.alive), last };
}

function stateOf(row: ProxyRow | undefined, last: Delay | undefined, alive: boolean | undefined): ProxyState {
  const refusal = row?.refusal?.code;
  if (refusal === 'DIAL_NOT_SPOKEN') return 'unspoken';
  if (refusal === 'DIAL_GROUP_EMPTY') return 'empty';
  if (refusal !== undefined) return 'refused';
  if (last === undefined) return alive === false ? 'failed' : 'untested';
  if (last.ms === null) return 'dead';
  return alive === false ? 'failed' : 'alive';
}
