/** A policy in its colour: DIRECT grey, proxied accent, REJECT red. */

import { plainText } from '../text/plain-text.ts';
import { policyKind } from '../text/policy.ts';
import './chip.css';

/** A single policy name. */
export function Policy({ name }: { name: string }) {
  return (
    <span className="policy" data-kind={policyKind(name)}>
      <span>{plainText(name, 64)}</span>
    </span>
  );
}

/** A chain as the contract has it, from the leaf outwards; read aloud and shown from the group to the leaf. */
export function PolicyChain({ chain }: { chain: readonly string[] }) {
  const leaf = chain[0];
  const groups = chain.slice(1).toReversed();
  return (
    <span className="policy" data-kind={policyKind(leaf)}>
      <span>
        {groups.map((group) => (
          <span key={group} className="policy-group">
            {`${plainText(group, 64)} › `}
          </span>
        ))}
        {leaf === undefined ? '–' : plainText(leaf, 64)}
      </span>
    </span>
  );
}
