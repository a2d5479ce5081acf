/**
 * The search grammar of the tables: words that must all occur, `field:value`, `-` for not, `*` as wildcard, quotes
 * around spaces. `proc:curl host:*.github.com rule:DIRECT fake:198.18.0.7 -udp`
 */

/** What a row offers to the search: named fields, and everything as one text. Values are compared without case. */
export interface SearchFields<E> {
  /** Several values: one of them must match. */
  readonly fields: Readonly<Record<string, (entry: E) => readonly (string | undefined)[]>>;
  /** Lower-case text of all that a plain word is looked for in. */
  readonly text: (entry: E) => string;
}

export type Accept<E> = (entry: E) => boolean;

/** The search for this value in a field. */
export function searchFor(field: string, value: string): string {
  const plain = value.replaceAll('"', '');
  return /\s/.test(plain) ? `${field}:"${plain}"` : `${field}:${plain}`;
}

interface Term {
  readonly field: string | undefined;
  readonly value: string;
  readonly negated: boolean;
}

/** Compiles a search; `undefined` when it is empty and accepts everything. An unknown field is searched for as text. */
export function compileFilter<E>(search: string, searchable: SearchFields<E>): Accept<E> | undefined {
  const tests = parseTerms(search, Object.keys(searchable.fields)).map((term) => compileTerm(term, searchable));
  if (tests.length === 0) return undefined;
  return (entry) => tests.every((test) => test(entry));
}

function compileTerm<E>(term: Term, { fields, text }: SearchFields<E>): Accept<E> {
  const read = term.field === undefined ? undefined : fields[term.field];
  const matches = compileValue(term.value);
  const test: Accept<E> =
    read === undefined
      ? (entry) => matches(text(entry))
      : (entry) => read(entry).some((value) => value !== undefined && matches(value.toLowerCase()));
  return term.negated ? (entry) => !test(entry) : test;
}

/** Without `*`: occurs anywhere. With `*`: the whole value, `*` standing for any text. */
function compileValue(value: string): (candidate: string) => boolean {
  if (!value.includes('*')) return (candidate) => candidate.includes(value);
  const parts = value.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1);
  // By hand instead of a RegExp: linear, whatever is typed.
  return (candidate) => {
    if (candidate.length < first.length + last.length) return false;
    if (!candidate.startsWith(first) || !candidate.endsWith(last)) return false;
    const end = candidate.length - last.length;
    let at = first.length;
    for (const part of middle) {
      const found = candidate.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

const termPattern = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;

function parseTerms(search: string, known: readonly string[]): Term[] {
  const terms: Term[] = [];
  for (const match of search.toLowerCase().matchAll(termPattern)) {
    const [, minus, name, quoted, bare] = match;
    const value = quoted ?? bare ?? '';
    const field = name !== undefined && known.includes(name) ? name : undefined;
    // `fe80::1` and `x:y` are text, not fields.
    const whole = name !== undefined && field === undefined ? `${name}:${value}` : value;
    if (whole !== '') terms.push({ field, value: whole, negated: minus === '-' });
  }
  return terms;
}
