/** A chain of proxies: each member is reached through the one before. Nothing is chosen; nested groups choose for themselves. */
import type { GroupKind } from './group-kind.ts';

export function relayGroup(): GroupKind {
  return {
    isChosen: false,
    isTested: false,
    isChain: true,
    candidates: (members) => members,
  };
}
