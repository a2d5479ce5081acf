/**
 * How a domain looks where the internet cannot be asked about it: whether names are sold below it, whether somebody may have
 * registered it, or whether it is a part of somebody's domain. A guess; a wrong one leaves a name to the rules.
 */

/** Second labels that registries of countries sell names below: `co.uk`, `com.au`, `ne.jp`. */
const categories: ReadonlySet<string> = new Set(
  'ac co com edu gob gouv gov go gv id info int ltd me mil net nom ne nhs or org plc police sch school web'.split(' '),
);

export function depthOf(domain: string): 'suffix' | 'registered' | 'deeper' {
  const labels = domain.split('.');
  if (labels.length === 1) return 'suffix';
  const [top = '', second = ''] = labels.toReversed();
  // Nobody can: it is not delegated (RFC 6761 section 6.5).
  if (top === 'example') return 'deeper';
  const isCategory = top.length === 2 && categories.has(second);
  if (labels.length === 2) return isCategory ? 'suffix' : 'registered';
  return labels.length === 3 && isCategory ? 'registered' : 'deeper';
}
