/** Tests of single characters, as an expression in the syntax of .NET means them. Reads no expression. */

/** Whether a code point is meant; `ignoreCase` is settled already. */
export type CharTest = (code: number) => boolean;

export function literalTest(character: string, ignoreCase: boolean): CharTest {
  const code = character.codePointAt(0) ?? 0;
  if (!ignoreCase) return (other) => other === code;
  const forms = new Set(casesOf(code));
  return (other) => forms.has(other);
}

/** Both ends included; undefined if the first comes after the last. */
export function rangeTest(low: string, high: string, ignoreCase: boolean): CharTest | undefined {
  const [from, to] = [low.codePointAt(0) ?? 0, high.codePointAt(0) ?? 0];
  if (from > to) return undefined;
  const within = (code: number): boolean => code >= from && code <= to;
  return ignoreCase ? (code) => casesOf(code).some(within) : within;
}

/** A Unicode property, script or block by its name (`L`, `Han`, `IsHan`), or everything else; undefined for one that is not known. */
export function propertyTest(name: string, wanted: boolean): CharTest | undefined {
  const script = name.replace(/^Is/, '');
  for (const written of [name, `Script=${name}`, `Script=${script}`, script]) {
    try {
      const expression = new RegExp(`^\\p{${written}}$`, 'u');
      return (code) => expression.test(String.fromCodePoint(code)) === wanted;
    } catch {
      // Not by this name.
    }
  }
  return undefined;
}

/** What is a letter in both cases. */
function casesOf(code: number): number[] {
  const text = String.fromCodePoint(code);
  return [text, text.toLowerCase(), text.toUpperCase()].flatMap((form) => {
    const only = form.codePointAt(0) ?? code;
    // A letter whose other case is two letters has none here.
    return form.length === (only > 0xff_ff ? 2 : 1) ? [only] : [];
  });
}

const by =
  (expression: RegExp): CharTest =>
  (code) =>
    expression.test(String.fromCodePoint(code));

/** Of escapes such as `\d`. */
export const classes: Readonly<Record<string, CharTest>> = {
  d: by(/^\p{Nd}$/u),
  D: by(/^\P{Nd}$/u),
  w: by(/^[\p{L}\p{Mn}\p{Nd}\p{Pc}]$/u),
  W: by(/^[^\p{L}\p{Mn}\p{Nd}\p{Pc}]$/u),
  s: by(/^\s$/u),
  S: by(/^\S$/u),
};
export const isWord: CharTest = (code) => classes['w']?.(code) === true;

/** Of `[:alpha:]` and the like; ASCII alone. */
export const posixClasses: Readonly<Record<string, CharTest>> = {
  alnum: by(/^[a-z\d]$/i),
  alpha: by(/^[a-z]$/i),
  digit: by(/^\d$/),
  lower: by(/^[a-z]$/),
  upper: by(/^[A-Z]$/),
  punct: by(/^[!-/:-@[-`{-~]$/),
  space: by(/^\s$/),
  word: by(/^\w$/),
  xdigit: by(/^[\da-f]$/i),
};

/** Of escapes such as `\t`. */
export const controls: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  r: '\r',
  f: '\f',
  v: '\v',
  a: '\x07',
  e: '\x1b',
};
