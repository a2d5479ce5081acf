/** The first member that is alive, in the order of the list; what a person has chosen goes before it while that is alive. */
import type { GroupKind } from './group-kind.ts';

export function fallbackGroup(): GroupKind {
  return {
    isChosen: true,
    isTested: true,
    candidates: (members, facts, memory) => {
      const usable = members.filter((member) => facts.isUsable(member));
      const chosen = usable.find((member) => member === memory.chosen && facts.isAlive(member));
      // Where none answers, a test may be wrong: the first is as good as any.
      const taken = chosen ?? usable.find((member) => facts.isAlive(member)) ?? usable[0];
      memory.current = taken;
      return taken === undefined ? [] : [taken];
    },
  };
}
