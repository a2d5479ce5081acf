/** How the entries that `planRoutes` makes look, whatever the configuration: to know ours when the journal is lost. */
import { preferences, type RouteEntry, routeTable } from './route-plan.ts';

/** Whether an entry under our numbers is one that `planRoutes` makes for some configuration. */
export function isOurShape(entry: RouteEntry): boolean {
  return (entry.kind === 'rule' ? ruleShapes : routeShapes).some((shape) => shape.test(entry.text));
}

const { guard, guardEnd, fake, exception, main, fromTun, boundDevice, local, sourceBound6, local6, end } = preferences;
const ruleShapes = [
  `${end} nop`,
  `${guard} from \\S+ iif lo lookup ${routeTable}`,
  `${guardEnd} from \\S+ iif lo unreachable`,
  `${exception} to \\S+ goto ${end}`,
  `${fake} to \\S+ lookup ${routeTable}`,
  `${exception} fwmark 0x[0-9a-f]+ iif lo goto ${end}`,
  `${main} not dport 53 lookup main suppress_prefixlength 0`,
  `${fromTun} iif \\S+ goto ${end}`,
  `${boundDevice} from 0\\.0\\.0\\.0 iif lo oif \\S+ goto ${end}`,
  `${local} from \\S+ iif lo lookup ${routeTable}`,
  `${sourceBound6} from (?:::|8000::)/1 goto ${end}`,
  `${local6} iif lo lookup ${routeTable}`,
].map((shape) => new RegExp(`^pref ${shape}$`));
const routeShapes = [/^default dev \S+$/, /^\S+ dev \S+ metric 1$/, /^unreachable \S+ metric 4294967295$/];
