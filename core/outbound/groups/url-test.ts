/**
 * The member whose test took least. It stays until it is dead or another one is faster by more than the tolerance; what a person
 * has chosen goes before it while that is alive.
 */
import type { GroupConfig } from '../../contract/config.ts';
import type { GroupKind, MemberFacts } from './group-kind.ts';

export function urlTestGroup({ test }: GroupConfig): GroupKind {
  const tolerance = test?.tolerance ?? 0;
  return {
    isChosen: true,
    isTested: true,
    candidates: (members, facts, memory) => {
      const usable = members.filter((member) => facts.isUsable(member));
      const alive = usable.filter((member) => facts.isAlive(member));
      const chosen = alive.find((member) => member === memory.chosen);
      const taken = chosen ?? steady(alive, facts, memory.current, tolerance) ?? usable[0];
      memory.current = taken;
      return taken === undefined ? [] : [taken];
    },
  };
}

/** The fastest, or the one of before if it is not slower than that by more than the tolerance. */
function steady(
  alive: readonly string[],
  facts: MemberFacts,
  current: string | undefined,
  tolerance: number,
): string | undefined {
  // One that was not tested yet comes after all that were.
  const delayOf = (member: string): number => facts.delayOf(member) ?? Number.MAX_SAFE_INTEGER;
  let fastest = alive[0];
  let least = fastest === undefined ? 0 : delayOf(fastest);
  for (const member of alive) {
    const delay = delayOf(member);
    if (delay < least) [fastest, least] = [member, delay];
  }
  if (current === undefined || !alive.includes(current)) return fastest;
  return delayOf(current) > least + tolerance ? fastest : current;
}
