/** Which of the three colours a policy has: going direct, through a proxy, or rejected. */

export type PolicyKind = 'direct' | 'proxied' | 'rejected' | 'undecided';

/** By the leaf outbound of a chain (or by the policy's name, for rules): only the built-in names have their own colour. */
export function policyKind(leaf: string | undefined): PolicyKind {
  if (leaf === undefined || leaf === '') return 'undecided';
  if (leaf === 'DIRECT') return 'direct';
  return leaf === 'REJECT' || leaf === 'REJECT-DROP' ? 'rejected' : 'proxied';
}
