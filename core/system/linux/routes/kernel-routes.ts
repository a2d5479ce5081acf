/** Reads rules and routes as the kernel has them (`ip -N -j`): ours in the words in which they would be added, and those of others. */
import { AppError } from '../../../base/app-error.ts';
import type { CommandRunner } from '../../command-runner.ts';
import type { Family } from '../../routes.ts';
import { inOneForm, type OtherRoute } from './default-pieces.ts';
import { mainTable, type OtherRules, readOtherRules } from './other-rules.ts';
import { type RouteEntry, routeTable, ruleProtocol } from './route-plan.ts';
import { type JsonObject, jsonObjects, ruleText } from './rule-text.ts';

/** One `ip` call may take this long; it takes a few milliseconds unless the machine is stuck. */
export const commandTimeoutMs = 5_000;
/** Types of routes (linux/rtnetlink.h): one that leads somewhere, and those that refuse (blackhole, unreachable, prohibit). */
const endsLook = new Set(['unicast', '1', '6', '7', '8']);
/** Tables of others that are looked into; programs that route by policy have one or two. */
const mostTables = 32;

/** Our rules, by the protocol they are marked with, and everything in our table, whoever put it there. */
export async function readRouteEntries(runner: CommandRunner, family: Family): Promise<RouteEntry[]> {
  const [rules, routes] = await Promise.all([
    show(runner, family, 'rule', 'show'),
    showTable(runner, family, routeTable),
  ]);
  return [
    ...routes.map((route): RouteEntry => ({ kind: 'route', family, text: routeText(route, family) })),
    ...rules.filter(isOurRule).map((rule): RouteEntry => ({ kind: 'rule', family, text: ruleText(rule) })),
  ];
}

/** The rules of others, and the routes of the tables that these look into. */
export async function readOthers(runner: CommandRunner, family: Family): Promise<OtherRules> {
  const rules = readOtherRules((await show(runner, family, 'rule', 'show')).filter((rule) => !isOurRule(rule)));
  const tables = [...new Set(rules.flatMap(({ table }) => table ?? []))].slice(0, mostTables);
  const routes = await Promise.all(
    tables.map(async (table): Promise<[number, OtherRoute[]]> => {
      return [table, (await showTable(runner, family, table)).flatMap((route) => otherRoute(route, family))];
    }),
  );
  return { rules, routes: new Map(routes) };
}

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
  if (route['prefsrc'] !== undefined) words.push(`src ${inOneForm(String(route['prefsrc']))}`);
  const metric = route['metric'];
  if (metric !== undefined && !(family === 6 && metric === 1024)) words.push(`metric ${String(metric)}`);
  return words.join(' ');
}

/** Routes at which a look into the table ends. `throw` and the like are the kernel's to understand. */
function otherRoute(route: JsonObject, family: Family): OtherRoute[] {
  const { type, dst, dev, gateway, nexthops } = route;
  if (!endsLook.has(String(type ?? 'unicast')) || typeof dst !== 'string') return [];
  const prefix = dst === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : dst;
  return [{ prefix, hop: [dev, gateway, nexthops, type].map((part) => String(part ?? '')).join(' ') }];
}

function isOurRule(rule: JsonObject): boolean {
  return String(rule['protocol']) === String(ruleProtocol);
}

async function show(runner: CommandRunner, family: Family, ...args: string[]): Promise<JsonObject[]> {
  const { stdout } = await runner.run('ip', [`-${family}`, '-N', '-j', ...args], { timeoutMs: commandTimeoutMs });
  return parseObjects(stdout);
}

async function showTable(runner: CommandRunner, family: Family, table: number): Promise<JsonObject[]> {
  const name = table === mainTable ? 'main' : String(table);
  return await show(runner, family, 'route', 'show', 'table', name).catch((error: unknown): JsonObject[] => {
    if (isMissingTable(error)) return [];
    throw error;
  });
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
