/** How the entries that `planRoutes` makes look, whatever the configuration: to know ours when the journal is lost. */
import type { RouteEntry } from './route-plan.ts';

/**
 * Whether an entry that was found is ours. Of rules only those with our mark of who added them are found; of the routes in our
 * table those count that `planRoutes` makes for some configuration.
 */
export function isOurShape(entry: RouteEntry): boolean {
  return entry.kind === 'rule' || routeShapes.some((shape) => shape.test(entry.text));
}

const routeShapes = [
  /^default dev \S+$/,
  /^\S+ dev \S+ metric 1$/,
  /^unreachable \S+ metric 4294967295$/,
  /^default dev lo src \S+ metric 4294967295$/,
];
