/** Reads our rules and routes as the kernel has them (`ip -N -j`), in the words in which they would be added. */
import { z } from 'zod';
import { AppError } from '../../base/app-error.ts';
import { parseCidr } from '../../base/cidr.ts';
import type { CommandRunner } from '../command-runner.ts';
import { canonicalPrefix, type Family, isOurPreference, type RouteEntry, routeTable } from './route-plan.ts';

/** One `ip` call may take this long; it takes a few milliseconds unless the machine is stuck. */
export const commandTimeoutMs = 5_000;

/** Nested values (next hops, flags) are only compared, so their text is enough. */
const jsonValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.unknown().transform((value) => JSON.stringify(value)),
]);
const jsonObjects = z.array(z.record(z.string(), jsonValue));
type JsonValue = z.infer<typeof jsonValue>;
type JsonObject = Record<string, JsonValue>;

/** Everything between our first and last preference and in our table, whoever put it there. */
export async function readRouteEntries(runner: CommandRunner, family: Family): Promise<RouteEntry[]> {
  const show = async (...args: string[]): Promise<JsonObject[]> =>
    parseObjects((await runner.run('ip', [`-${family}`, '-N', '-j', ...args], { timeoutMs: commandTimeoutMs })).stdout);
  const [rules, routes] = await Promise.all([
    show('rule', 'show'),
    show('route', 'show', 'table', String(routeTable)).catch((error: unknown): JsonObject[] => {
      if (isMissingTable(error)) return [];
      throw error;
    }),
  ]);
  return [
    ...routes.map((route): RouteEntry => ({ kind: 'route', family, text: routeText(route, family) })),
    ...rules
      .filter((rule) => isOurPreference(Number(rule['priority'])))
      .map((rule): RouteEntry => ({ kind: 'rule', family, text: ruleText(rule) })),
  ];
}

/** The words of a rule. A selector that we never use is kept, so that such a rule equals none of ours. */
export function ruleText(rule: JsonObject): string {
  const words: string[] = [];
  const say = (word: string, value: JsonValue | undefined): void => {
    if (value !== undefined) words.push(value === null ? word : `${word} ${String(value)}`);
  };
  say('pref', rule['priority']);
  say('not', rule['not']);
  say('from', prefixText(rule['src'], rule['srclen']));
  say('to', prefixText(rule['dst'], rule['dstlen']));
  say('fwmark', rule['fwmark']);
  say('iif', rule['iif']);
  say('oif', rule['oif']);
  say('dport', rule['dport']);
  for (const [key, value] of Object.entries(rule)) if (!knownRuleKeys.has(key)) say(key, value);
  say('lookup', tableText(rule['table']));
  say('goto', rule['goto']);
  say('nop', rule['nop']);
  // FR_ACT_UNREACHABLE (linux/fib_rules.h), by its number because of `-N`.
  if (String(rule['action']) === '7') words.push('unreachable');
  else say('action', rule['action']);
  say('suppress_prefixlength', rule['suppress_prefixlen']);
  return words.join(' ');
}

/** Said in their place by `ruleText`, ... */
const placedRuleKeys =
  'priority not src srclen dst dstlen fwmark iif oif dport table goto nop action suppress_prefixlen'.split(' ');
/** ... and those that are no property of the rule itself: its state, and who says to have added it. */
const knownRuleKeys = new Set([...placedRuleKeys, 'iif_detached', 'oif_detached', 'unresolved', 'protocol']);

/** The words of a route in our table, without what the kernel adds by itself (scope, preference, flags, IPv6 metric). */
export function routeText(route: JsonObject, family: Family): string {
  const words: string[] = [];
  const type = route['type'];
  if (type !== undefined && type !== 'unicast' && type !== '1') {
    words.push(type === '7' ? 'unreachable' : String(type));
  }
  words.push(inOneForm(String(route['dst'])));
  if (route['gateway'] !== undefined) words.push(`via ${String(route['gateway'])}`);
  // An unreachable IPv6 route is shown on the loopback device, where nobody put it.
  if (route['dev'] !== undefined && words[0] !== 'unreachable') words.push(`dev ${String(route['dev'])}`);
  const metric = route['metric'];
  if (metric !== undefined && !(family === 6 && metric === 1024)) words.push(`metric ${String(metric)}`);
  return words.join(' ');
}

function prefixText(address: JsonValue | undefined, length: JsonValue | undefined): string | undefined {
  if (address === undefined || address === 'all') return undefined;
  return inOneForm(length === undefined ? String(address) : `${String(address)}/${String(length)}`);
}

/** `ip` writes some addresses as nobody else does: `::1.2.3.4` (inet_ntop(3) of the GNU C library). */
function inOneForm(prefix: string): string {
  const cidr = parseCidr(prefix);
  return cidr === undefined ? prefix : canonicalPrefix(cidr);
}

function tableText(table: JsonValue | undefined): JsonValue | undefined {
  return String(table) === '254' ? 'main' : table;
}

/** iproute2 says so of a table that has never had a route. */
function isMissingTable(error: unknown): boolean {
  return error instanceof AppError && /FIB table does not exist/.test(String(error.details?.['stderr']));
}

function parseObjects(text: string): JsonObject[] {
  if (text.trim() === '') return [];
  try {
    return jsonObjects.parse(JSON.parse(text));
  } catch (error) {
    throw new AppError('SYSTEM_ROUTES_FAILED', 'the answer of "ip -j" is not understood', {
      cause: error,
      expected: 'iproute2 5.0 or newer',
    });
  }
}
