/** A policy in its colour: DIRECT grey, proxied accent, REJECT red. */
import { plainText } from '../text/plain-text.ts';
import { policyKind } from '../text/policy.ts';
import './chip.css';

/** A single policy name. */
export function Policy({ name }: { name: string }) {
  return (
    <span className="policy" data-kind={policyKind(name)}>
      {plainText(name, 64)}
    </span>
  );
}

/** A chain as the contract has it: the leaf, which the bytes go through, then the groups that chose it. */
export function PolicyChain({ chain }: { chain: readonly string[] }) {
  const [leaf, ...groups] = chain.map((name) => plainText(name, 64));
  return (
    <span
      className="policy"
      data-kind={policyKind(leaf)}
      title={chain.length > 1 ? [leaf, ...groups].join(' ‹ ') : undefined}
    >
      {leaf ?? '–'}
      {groups.length === 0 ? null : <span className="policy-group">{` ‹ ${groups.join(' ‹ ')}`}</span>}
    </span>
  );
}
