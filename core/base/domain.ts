/** Domain names: one spelling for all comparisons, and the pattern grammar of filters, hosts and domain sets. */
import { domainToASCII } from 'node:url';

const nonAscii = /\P{ASCII}/u;

/**
 * Lower case, without the trailing dot. IDNA is left as received, and so is the case of letters beyond ASCII: names that
 * differ in it are different ones (RFC 4343). Names and addresses pass alike.
 */
export function normaliseDomain(name: string): string {
  const lower = nonAscii.test(name)
    ? name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
    : name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** The form in which what people write is compared: normalised, international labels as `xn--` (RFC 5890). */
export function comparableDomain(name: string): string {
  const normal = normaliseDomain(name);
  return nonAscii.test(normal) ? domainToASCII(normal) || normal : normal;
}

/** Whether `name` is `suffix` or below it; both normalised. */
export function isWithinDomain(name: string, suffix: string): boolean {
  return (
    name === suffix ||
    (name.length > suffix.length && name.endsWith(suffix) && name[name.length - suffix.length - 1] === '.')
  );
}

/** The name without its first label; empty for a single label. */
export function parentDomain(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}

const separator = 0x2e;

interface TrieNode<T> {
  children: Map<string, TrieNode<T>>;
  exact?: { value: T };
  /** `.x` and `+.x`: everything below this node. */
  below?: { value: T };
}

/**
 * Patterns: `*` is exactly one label, `+.x` is x and everything below, `.x` is below only. Priority: exact, then `*`,
 * then the longest `.`/`+.`. The first value set for a pattern stays. International labels may be written either way.
 */
export class DomainTrie<T> {
  readonly #root: TrieNode<T> = { children: new Map() };
  #size = 0;

  /** Number of patterns. */
  get size(): number {
    return this.#size;
  }

  /** Adds a pattern. Returns why it is invalid, or undefined when it was taken. */
  insert(pattern: string, value: T): string | undefined {
    const problem = domainPatternProblem(pattern);
    if (problem !== undefined) return problem;
    const self = pattern.startsWith('+.');
    const below = self || pattern.startsWith('.');
    const rest = comparableDomain(below ? pattern.slice(self ? 2 : 1) : pattern);
    let node = this.#root;
    for (const label of rest.split('.').reverse()) {
      let next = node.children.get(label);
      if (next === undefined) {
        next = { children: new Map() };
        node.children.set(label, next);
      }
      node = next;
    }
    if (below) node.below ??= { value };
    if (!below || self) node.exact ??= { value };
    this.#size += 1;
    return undefined;
  }

  /** The value of the best pattern for a normalised name; an international one may be as bytes or as `xn--`. */
  lookup(name: string): T | undefined {
    if (name === '') return undefined;
    const comparable = comparableDomain(name);
    return search(this.#root, comparable, comparable.length)?.value;
  }
}

/** Why a pattern is invalid, or undefined. */
export function domainPatternProblem(pattern: string): string | undefined {
  if (pattern === '' || pattern === '.' || pattern === '+.') return 'the pattern is empty';
  if (pattern !== pattern.trim()) return 'the pattern begins or ends with a space';
  const foreign = /[,/:]/.exec(pattern);
  if (foreign !== null) return `no name contains "${foreign[0]}"`;
  const rest = pattern.startsWith('+.') ? pattern.slice(2) : pattern.startsWith('.') ? pattern.slice(1) : pattern;
  // One dot at the end is the root, as in any name.
  for (const label of rest.replace(/(?<=[^.])\.$/, '').split('.')) {
    if (label === '') return 'the pattern has an empty label';
    if (label === '*') continue;
    if (/\s/.test(label)) return `no name contains a space, as "${label}" does`;
    if (/[*+]/.test(label))
      return `the label "${label}" mixes a wildcard with text; "*" stands for one whole label, "+." only at the front`;
  }
  return undefined;
}

/** `end` is where the labels that are left to be found end in the name; -1 = all were found. */
function search<T>(node: TrieNode<T>, name: string, end: number): { value: T } | undefined {
  if (end < 0) return node.exact;
  if (node.children.size === 0) return node.below;
  let start = end;
  while (start > 0 && name.charCodeAt(start - 1) !== separator) start -= 1;
  const label = name.slice(start, end);
  const exact = node.children.get(label);
  const found = exact && search(exact, name, start - 1);
  if (found) return found;
  const wildcard = label === '*' ? undefined : node.children.get('*');
  return (wildcard && search(wildcard, name, start - 1)) ?? node.below;
}
