/** A policy in its colour: direct grey, proxied accent, rejected red. Its name says nothing of that. */
import type { PolicyWay } from '../../core/contract/flow.ts';
import { plainText } from '../text/plain-text.ts';
import './chip.css';

interface PolicyProps {
  readonly name: string;
  readonly way: PolicyWay | undefined;
}

/** A single policy name. */
export function Policy({ name, way }: PolicyProps) {
  return (
    <span className="policy" data-kind={way ?? 'undecided'}>
      {plainText(name, 64)}
    </span>
  );
}

interface PolicyChainProps {
  readonly chain: readonly string[];
  readonly way: PolicyWay | undefined;
}

/** A chain as the contract has it: the leaf, which the bytes go through, then the groups that chose it. */
export function PolicyChain({ chain, way }: PolicyChainProps) {
  const [leaf, ...groups] = chain.map((name) => plainText(name, 64));
  return (
    <span
      className="policy"
      data-kind={way ?? 'undecided'}
      title={chain.length > 1 ? [leaf, ...groups].join(' ‹ ') : undefined}
    >
      {leaf ?? '–'}
      {groups.length === 0 ? null : <span className="policy-group">{` ‹ ${groups.join(' ‹ ')}`}</span>}
    </span>
  );
}
