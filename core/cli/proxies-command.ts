/** `mirage proxies`, `select`, `delay`, `mode`: nodes and policy groups at the terminal. */
import type { HelperClient } from '../app/helper-client.ts';
import type { PolicyMode } from '../contract/config.ts';
import { type Delay, lastDelayOf, type NodeDelays, type ProxyRow } from '../contract/proxies.ts';
import type { Result } from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { plainText } from './plain-text.ts';
import type { Column } from './table.ts';
import { readTopic } from './topic-reader.ts';

/** `profile` = as the profile says. */
export const policyModeChoices = ['rule', 'global', 'direct', 'profile'] as const;
export type PolicyModeChoice = (typeof policyModeChoices)[number];

const limit = 100_000;
/** Milliseconds between two looks at how far tests have come. */
const lookMs = 500;

const sentences: Readonly<Record<PolicyMode, string>> = {
  rule: 'The rules decide about every connection.',
  global: 'Every connection goes where the group GLOBAL leads; no rule is asked.',
  direct: 'Every connection goes DIRECT; no rule is asked.',
};

/** Groups with where they lead now, then the nodes with their last delay. */
export async function listProxies(context: CommandContext, options: GlobalOptions): Promise<void> {
  const rows = await withHelper(context, options, (helper) => readTopic(helper, 'proxies', { limit }, context.clock));
  const { console } = context;
  if (options.json) return console.json(rows);
  const groups = rows.filter(({ group }) => group !== undefined && !group.hidden);
  const nodes = rows.filter(({ group }) => group === undefined);
  if (groups.length > 0) {
    console.table(groupColumns, groups);
    console.line();
  }
  console.table(nodeColumns, nodes);
}

const why = ({ refusal }: ProxyRow): string => (refusal === undefined ? '' : plainText(refusal.message));

const groupColumns: readonly Column<ProxyRow>[] = [
  { title: 'GROUP', value: ({ name }) => plainText(name), shrinkTo: 12 },
  { title: 'TYPE', value: ({ kind }) => plainText(kind) },
  { title: 'NOW', value: ({ group }) => plainText(group?.now ?? ''), shrinkTo: 12 },
  {
    title: 'NODE',
    value: ({ group }) => (group?.leaf === group?.now ? '' : plainText(group?.leaf ?? '')),
    shrinkTo: 12,
  },
  { title: 'MEMBERS', value: ({ group }) => String(group?.members.length ?? 0), align: 'right' },
  { title: '', value: why, shrinkTo: 20, spare: true },
];

const nodeColumns: readonly Column<ProxyRow>[] = [
  { title: 'NODE', value: ({ name }) => plainText(name), shrinkTo: 12 },
  { title: 'TYPE', value: ({ kind }) => plainText(kind) },
  { title: 'UDP', value: ({ udp, refusal }) => (udp && refusal === undefined ? 'yes' : '') },
  { title: 'DELAY', value: ({ delays }) => latest(delays), align: 'right' },
  { title: '', value: why, shrinkTo: 20, spare: true },
];

function latest(delays: readonly NodeDelays[]): string {
  const last = delays
    .flatMap(({ history }) => history.slice(-1))
    .toSorted((a, b) => a.at - b.at)
    .at(-1);
  return last === undefined ? '' : describeDelay(last);
}

function describeDelay({ ms, status, code }: Delay): string {
  if (ms !== null) return `${ms} ms`;
  return code ?? (status === undefined ? 'failed' : `status ${status}`);
}

/** Chooses the member of a group; `-` = what the group does by itself. */
export async function selectProxy(
  context: CommandContext,
  group: string,
  member: string,
  options: GlobalOptions,
): Promise<void> {
  const { console } = context;
  const wanted = { group, member: member === '-' ? null : member };
  const { now } = await withHelper(context, options, (helper) => helper.call('selectProxy', wanted));
  if (options.json) return console.json({ ...wanted, now });
  const leads = now === null ? 'has nothing to offer' : `leads to ${plainText(now)}`;
  console.line(
    `${plainText(group)} ${leads}${now === member || member === '-' ? '' : ` while ${plainText(member)} is dead`}`,
  );
}

interface Measured {
  readonly node: string;
  readonly delay: Delay;
}

/** Tests a node, the members of a group, or everything; progress goes to standard error. */
export async function delay(
  context: CommandContext,
  policy: string | undefined,
  options: GlobalOptions,
): Promise<void> {
  const { console } = context;
  const results = await withHelper(context, options, async (helper) => {
    const started = await helper.call('testProxies', policy === undefined ? {} : { policy });
    return await follow(context, helper, started, options);
  });
  if (options.json) return console.json(results);
  if (results.length === 0) return console.line('nothing that could be tested');
  const sorted = results.toSorted(
    (a, b) => (a.delay.ms ?? Number.MAX_SAFE_INTEGER) - (b.delay.ms ?? Number.MAX_SAFE_INTEGER),
  );
  console.table(delayColumns, sorted);
}

const delayColumns: readonly Column<Measured>[] = [
  { title: 'DELAY', value: (row) => describeDelay(row.delay), align: 'right' },
  { title: 'NODE', value: ({ node }) => plainText(node), shrinkTo: 12 },
];

/** Looks until every node has its result, or the person interrupts it: the tests are ended in the helper then, too. */
async function follow(
  context: CommandContext,
  helper: HelperClient,
  started: Result<'testProxies'>,
  { json }: GlobalOptions,
): Promise<Measured[]> {
  const { console, clock } = context;
  const wanted = new Set(started.nodes);
  let isEnded = false;
  const ended = context.ended().then(() => {
    isEnded = true;
    return undefined;
  });
  for (let told = -1; ; ) {
    const rows = await readTopic(helper, 'proxies', { limit }, clock);
    const tested = rows.filter(({ name }) => wanted.has(name));
    const done = tested.flatMap((row) => resultsOf(row, started));
    const left = tested.filter(({ testing }) => testing).length;
    if (done.length !== told && !json) console.note(`${wanted.size - left} of ${wanted.size} tested`);
    told = done.length;
    if (left === 0) return done;
    const pause = new Promise<undefined>((resolve) => void clock.after(lookMs, () => resolve(undefined)));
    await Promise.race([ended, pause]);
    if (!isEnded) continue;
    await helper.call('stopTests', {});
    return done;
  }
}

function resultsOf(row: ProxyRow, { test, startedAt }: Result<'testProxies'>): Measured[] {
  const last =
    test === undefined
      ? row.delays.flatMap(({ history }) => history.slice(-1)).toSorted((a, b) => (a.ms ?? 1e9) - (b.ms ?? 1e9))[0]
      : lastDelayOf(row, test);
  return last === undefined || last.at < startedAt ? [] : [{ node: row.name, delay: last }];
}

/** Changes the mode if one is given, and shows the one in force. */
export async function policyMode(
  context: CommandContext,
  choice: PolicyModeChoice | undefined,
  options: GlobalOptions,
): Promise<void> {
  const { mode: inForce } = await withHelper(context, options, (helper) =>
    choice === undefined
      ? helper.call('getSnapshot', {})
      : helper.call('setSwitches', { mode: choice === 'profile' ? null : choice }),
  );
  const { console } = context;
  if (options.json) return console.json(inForce);
  console.line(describeMode(inForce));
  console.line(console.paint('dim', sentences[inForce.mode]));
}

export function describeMode({ mode, chosen }: Snapshot['mode']): string {
  return chosen ? `${mode}, chosen by hand ("mirage mode profile" undoes it)` : `${mode}, as the profile says`;
}
