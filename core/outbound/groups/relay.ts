/** A chain of proxies, one reached through the other. The data plane speaks one layer only: it is kept, and refuses. */
import type { GroupKind } from './group-kind.ts';

export function relayGroup(): GroupKind {
  return {
    isChosen: false,
    isTested: false,
    refusal: 'groups of type relay are not supported yet',
    candidates: () => [],
  };
}
