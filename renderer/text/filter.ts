/**
 * The search grammar of the tables: words that must all occur, `field:value`, `-` for not, `|` for or between such groups,
 * `*` as wildcard, quotes around spaces, and comparisons of numbers.
 * `proc:curl host:*.github.com -udp | down:>1MB age:<5m`
 */

/** What a row offers to the search: named fields, and everything as one text. Values are compared without case. */
export interface SearchFields<E> {
  /** Several values: one of them must match. */
  readonly fields: Readonly<Record<string, (entry: E) => readonly (string | undefined)[]>>;
  /** Fields that can be compared: `down:>1MB`. Bytes, bytes per second, milliseconds, plain numbers. */
  readonly numbers?: Readonly<Record<string, (entry: E) => number | undefined>>;
  /** Those of them that change without a new row: they read counters, or the clock. */
  readonly moving?: readonly string[];
  /** Other names of fields. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Lower-case text of all that a plain word is looked for in. */
  readonly text: (entry: E) => string;
}

export type Accept<E> = (entry: E) => boolean;

/** Which rows a view shows. */
export interface Selection<E> {
  readonly accept: Accept<E>;
  /** Whether the answer changes without a new row: it reads counters, or the clock. */
  readonly moving: boolean;
}

/** The search for this value in a field. */
export function searchFor(field: string, value: string): string {
  const plain = value.replaceAll('"', '');
  return /[\s|]/.test(plain) || /^[<>=]/.test(plain) ? `${field}:"${plain}"` : `${field}:${plain}`;
}

interface Term {
  readonly field: string | undefined;
  readonly value: string;
  readonly negated: boolean;
  readonly quoted: boolean;
}

type Names = Pick<SearchFields<never>, 'aliases'> & {
  readonly fields: object;
  readonly numbers?: object;
};

/** Compiles a search; `undefined` when it is empty and accepts everything. An unknown field is searched for as text. */
export function compileFilter<E>(search: string, searchable: SearchFields<E>): Selection<E> | undefined {
  const groups = parseGroups(search, searchable).filter((terms) => terms.length > 0);
  if (groups.length === 0) return undefined;
  const tests = groups.map((terms) => terms.map((term) => compileTerm(term, searchable)));
  return {
    accept: (entry) => tests.some((group) => group.every((test) => test(entry))),
    moving: groups.flat().some(({ field }) => field !== undefined && searchable.moving?.includes(field) === true),
  };
}

/** What was written like a field and is none, in the order of the search: `["colour"]` for `colour:red`. */
export function unknownFields(search: string, searchable: Names): string[] {
  const unknown = tokens(search).flatMap(({ name, value, quoted }) => {
    // Addresses with a port or in IPv6, URLs and times have colons too.
    const isField =
      name !== undefined && /^[a-z]{2,}$/.test(name) && (quoted || !/^(?:\d+$|:|\/\/|[0-9a-f]*:)/.test(value));
    return isField && fieldOf(name, searchable) === undefined ? [name] : [];
  });
  return [...new Set(unknown)];
}

/** The names of all fields, for a hint. */
export function fieldNames({ fields, numbers = {} }: Names): string[] {
  return [...new Set([...Object.keys(fields), ...Object.keys(numbers)])];
}

function compileTerm<E>(term: Term, searchable: SearchFields<E>): Accept<E> {
  const test = compileTest(term, searchable);
  return term.negated ? (entry) => !test(entry) : test;
}

function compileTest<E>({ field, value, quoted }: Term, { fields, numbers, text }: SearchFields<E>): Accept<E> {
  if (field === undefined) {
    const matches = compileValue(value);
    return (entry) => matches(text(entry));
  }
  const number = numbers?.[field];
  const compare = number === undefined || quoted ? undefined : compileComparison(value);
  if (number !== undefined && compare !== undefined) {
    return (entry) => {
      const found = number(entry);
      return found !== undefined && compare(found);
    };
  }
  const read = fields[field];
  if (read === undefined) return () => false;
  const matches = compileValue(value);
  return (entry) => read(entry).some((each) => each !== undefined && matches(each.toLowerCase()));
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  ms: 1,
  s: 1e3,
  min: 60e3,
  h: 3600e3,
  d: 86_400e3,
};

/** `>1MB`, `<=5m`, `=443`, `100-200`; undefined for what is no comparison. `m` is minutes: nobody has a thousandth of a byte. */
function compileComparison(text: string): ((value: number) => boolean) | undefined {
  const [, sign, digits = '', unit = ''] = /^(<=|>=|<|>|=)(\d+(?:\.\d+)?)([a-z]*)$/.exec(text) ?? [];
  if (sign === undefined) return compileRange(text);
  const factor = unit === 'm' ? units.min : units[unit];
  if (factor === undefined) return undefined;
  const limit = Number(digits) * factor;
  switch (sign) {
    case '<':
      return (value) => value < limit;
    case '<=':
      return (value) => value <= limit;
    case '>':
      return (value) => value > limit;
    case '>=':
      return (value) => value >= limit;
    default:
      return (value) => value === limit;
  }
}

function compileRange(text: string): ((value: number) => boolean) | undefined {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return undefined;
  return (value) => value >= Number(from) && value <= Number(to);
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

interface Token {
  readonly minus: boolean;
  readonly name: string | undefined;
  readonly value: string;
  readonly quoted: boolean;
  readonly isOr: boolean;
}

/** A field may be written with a space after its colon. */
const tokenPattern = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|([^\s|]+))|([a-z]+):(?=\s|$)|(\|+)/gi;

function tokens(search: string): Token[] {
  const found: Token[] = [];
  let pending: { name: string; minus: boolean } | undefined;
  for (const match of search.toLowerCase().matchAll(tokenPattern)) {
    const [, minus = '', name, quoted, bare, lone, or] = match;
    if (or !== undefined) {
      found.push({ minus: false, name: undefined, value: '', quoted: false, isOr: true });
      pending = undefined;
      continue;
    }
    const waiting = pending;
    pending = undefined;
    const empty =
      lone ?? (quoted === undefined && name === undefined ? /^([a-z]+):$/.exec(bare ?? '')?.[1] : undefined);
    if (empty !== undefined) {
      pending = { name: empty, minus: minus === '-' };
      continue;
    }
    const value = quoted ?? bare ?? '';
    const isValue = waiting !== undefined && name === undefined && minus === '';
    found.push({
      minus: isValue ? waiting.minus : minus === '-',
      name: isValue ? waiting.name : name,
      value,
      quoted: quoted !== undefined,
      isOr: false,
    });
  }
  return found;
}

function parseGroups(search: string, names: Names): Term[][] {
  const groups: Term[][] = [[]];
  for (const { minus, name, value, quoted, isOr } of tokens(search)) {
    if (isOr) {
      groups.push([]);
      continue;
    }
    const field = name === undefined ? undefined : fieldOf(name, names);
    // `fe80::1` and `x:y` are text, not fields.
    const whole = name !== undefined && field === undefined ? `${name}:${value}` : value;
    if (whole !== '') groups.at(-1)?.push({ field, value: whole, negated: minus, quoted });
  }
  return groups;
}

function fieldOf(name: string, { fields, numbers = {}, aliases = {} }: Names): string | undefined {
  const known = Object.hasOwn(aliases, name) ? aliases[name] : name;
  return known !== undefined && (Object.hasOwn(fields, known) || Object.hasOwn(numbers, known)) ? known : undefined;
}
