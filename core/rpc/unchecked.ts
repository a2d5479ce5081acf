/** The one place where a value is taken for its type without a look at it. */

/**
 * For values whose type holds by the protocol: what the contract's schema has just parsed, and what root's helper sent
 * (rows are many, and a check of each would cost more than it tells).
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the type
export function unchecked<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- that is what this is for
  return value as T;
}
