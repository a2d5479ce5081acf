/** A definition for each type of group: a type that the contract has and this table does not is a compile error. */
import type { GroupConfig, GroupType } from '../../contract/config.ts';
import { fallbackGroup } from './fallback.ts';
import type { GroupKind, MakeGroup } from './group-kind.ts';
import { loadBalanceGroup } from './load-balance.ts';
import { relayGroup } from './relay.ts';
import { selectGroup } from './select.ts';
import { urlTestGroup } from './url-test.ts';

const groupKinds: { readonly [T in GroupType]: MakeGroup } = {
  select: selectGroup,
  'url-test': urlTestGroup,
  fallback: fallbackGroup,
  'load-balance': loadBalanceGroup,
  relay: relayGroup,
};

export function groupKindOf(config: GroupConfig): GroupKind {
  return groupKinds[config.type](config);
}
