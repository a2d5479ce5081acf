/** The rules that stand in the payload of a logic rule: `((DOMAIN,a.example),(NETWORK,UDP))`. Knows nothing of rules but brackets. */

export interface InnerText {
  readonly text: string;
  /** Where it begins in the payload. */
  readonly offset: number;
}

export type LogicPayload =
  | { readonly kind: 'rules'; readonly rules: readonly InnerText[] }
  | {
      readonly kind: 'bad';
      readonly what: 'no-brackets' | 'not-closed' | 'not-opened' | 'too-deep';
      readonly offset: number;
    };

/** Brackets within brackets. */
const maxDepth = 64;

/**
 * The outermost brackets are the rules, unless one pair holds everything: then it is those within. Whatever stands between them
 * is passed over, as in Clash.
 */
export function splitLogic(payload: string): LogicPayload {
  const outer = bracketsOf(payload, 0, payload.length);
  if ('what' in outer) return { kind: 'bad', ...outer };
  const [whole] = outer;
  if (whole === undefined) return { kind: 'bad', what: 'no-brackets', offset: 0 };
  const isWhole = whole.start === 0 && whole.end === payload.length - 1;
  const rules = isWhole ? bracketsOf(payload, 1, payload.length - 1) : outer;
  if ('what' in rules) return { kind: 'bad', ...rules };
  return {
    kind: 'rules',
    rules: rules.map(({ start, end }) => ({ text: payload.slice(start + 1, end), offset: start + 1 })),
  };
}

type Brackets = { readonly start: number; readonly end: number }[];

function bracketsOf(
  payload: string,
  begin: number,
  end: number,
): Brackets | { what: 'not-closed' | 'not-opened' | 'too-deep'; offset: number } {
  const found: Brackets = [];
  let depth = 0;
  let start = 0;
  for (let at = begin; at < end; at++) {
    const letter = payload[at];
    if (letter === '(') {
      if (depth === 0) start = at;
      depth += 1;
      if (depth > maxDepth) return { what: 'too-deep', offset: at };
    } else if (letter === ')') {
      depth -= 1;
      if (depth < 0) return { what: 'not-opened', offset: at };
      if (depth === 0) found.push({ start, end: at });
    }
  }
  return depth === 0 ? found : { what: 'not-closed', offset: start };
}
