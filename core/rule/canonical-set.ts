/**
 * The one form in which sets travel from the user's process to the helper, whatever they were written in: ASCII lines, each
 * ended by a line feed. What a line is shows in its first character:
 *
 *     =name      this name                    4:c0000200-c00002ff     IPv4 addresses, first and last, in hexadecimal
 *     .name      what is below it             6:2001...0-2001...f     IPv6 addresses
 *     +name      both                         4n: 6n:                 the same, of rules with no-resolve
 *     *pattern   a name with `*` for a label  R:TYPE,payload          another rule of a classical set
 *                (`+.` or `.` may lead it)    N:TYPE,payload          the same with no-resolve
 *
 * Names are comparable (lower case, `xn--`), ranges of one kind ascending and disjoint.
 */
import { maxBlobBytes, type SetBehavior } from '../contract/sets.ts';

/** Bytes of one set. */
export const maxSetBytes = maxBlobBytes;
/** Patterns with `*`, and rules that are neither about a name nor about a prefix: each costs memory and time of its own. */
export const maxWildcards = 20_000;
export const maxOtherRules = 50_000;

/** Which lines a set of a behaviour may have. */
export const linesOf: Readonly<Record<SetBehavior, { readonly names: boolean; readonly addresses: boolean }>> = {
  domain: { names: true, addresses: false },
  ipcidr: { names: false, addresses: true },
  classical: { names: true, addresses: true },
};

/** Places of a name in a line: behind its kind. */
export const exactKind = '='.charCodeAt(0);
export const belowKind = '.'.charCodeAt(0);
export const bothKind = '+'.charCodeAt(0);
export const wildcardKind = '*'.charCodeAt(0);
export const lineFeed = 0x0a;
