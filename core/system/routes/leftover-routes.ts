/**
 * The last resort when the journal is lost: finds our rules by the mark of who added them, our routes by our table and their
 * shape. Whatever else somebody keeps there is left alone.
 */
import type { CommandRunner } from '../command-runner.ts';
import { readRouteEntries } from './kernel-routes.ts';
import { deleteEntries } from './linux-routes.ts';
import type { RouteEntry } from './route-plan.ts';

/** Deletes what looks like ours and answers it. A machine without IPv6 has no leftovers there. */
export async function deleteLeftoverRoutes(
  runner: CommandRunner,
  step: (name: string) => Promise<void>,
): Promise<RouteEntry[]> {
  const found = [
    ...(await readRouteEntries(runner, 4)),
    ...(await readRouteEntries(runner, 6).catch((): RouteEntry[] => [])),
  ];
  return await deleteEntries(runner, found.filter(isOurShape), step);
}

/**
 * Whether an entry that was found is ours: of rules only those with our mark of who added them are found, and of the routes in
 * our table those count that `planRoutes` makes for some configuration.
 */
export function isOurShape(entry: RouteEntry): boolean {
  return entry.kind === 'rule' || routeShapes.some((shape) => shape.test(entry.text));
}

const routeShapes = [/^default dev \S+$/, /^\S+ dev \S+ metric 1$/, /^unreachable \S+ metric 4294967295$/];
