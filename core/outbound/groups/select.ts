/** A person chooses; before that, and when the chosen one is gone, it is the first. */
import type { GroupKind } from './group-kind.ts';

export function selectGroup(): GroupKind {
  return {
    isChosen: true,
    isTested: false,
    candidates: (members, _facts, { chosen }) => {
      // Also one that cannot be dialled: nobody but the person chooses another.
      const member = chosen !== undefined && members.includes(chosen) ? chosen : members[0];
      return member === undefined ? [] : [member];
    },
  };
}
