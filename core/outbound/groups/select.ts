/** A person chooses; before that, and when the chosen one is gone, it is the one that the profile says, or the first. */
import type { GroupConfig } from '../../contract/config.ts';
import type { GroupKind } from './group-kind.ts';

export function selectGroup({ initial }: Pick<GroupConfig, 'initial'>): GroupKind {
  return {
    isChosen: true,
    isTested: false,
    candidates: (members, _facts, { chosen }) => {
      // Also one that cannot be dialled: nobody but the person chooses another.
      const member = [chosen, initial].find((each) => each !== undefined && members.includes(each)) ?? members[0];
      return member === undefined ? [] : [member];
    },
  };
}
