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

/** A chain as the contract has it: the leaf, which the bytes go through, then the groups that chose it. */
export function PolicyChain({ chain }: { chain: readonly string[] }) {
  const [leaf, ...groups] = chain;
  return (
    <span className="policy" data-kind={policyKind(leaf)} title={plainText(chain.join(' ‹ '))}>
      <span>
        {leaf === undefined ? '–' : plainText(leaf, 64)}
        {groups.map((group) => (
          <span key={group} className="policy-group">
            {` ‹ ${plainText(group, 64)}`}
          </span>
        ))}
      </span>
    </span>
  );
}
