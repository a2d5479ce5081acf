/** Rules about numbers: ports at both ends and of ours, users, the traffic class. */
import type { RuleReasonCode } from '../../contract/rule-reasons.ts';
import type { MatchFacts } from '../match-facts.ts';
import { formatRangeList, isListed, parseRangeList } from '../number-ranges.ts';
import { bad, type Fact, type NoteHint, never, note, ok, type PayloadReading, type TestKind } from '../rule-kind.ts';

interface NumberKind {
  readonly fact: Fact;
  readonly least: number;
  readonly most: number;
  /** Undefined while it is not known. */
  readonly of: (facts: MatchFacts) => number | undefined;
  readonly hint: NoteHint;
  readonly yes: RuleReasonCode;
  readonly no: RuleReasonCode;
  readonly unknown: RuleReasonCode;
}

const port = { least: 1, most: 65_535, hint: 'RULE_PORTS' } as const;

export const destinationPort = numberKind({
  ...port,
  fact: 'port',
  of: (facts) => facts.port,
  yes: 'PORT_IN',
  no: 'PORT_NOT_IN',
  unknown: 'PORT_NOT_IN',
});

export const sourcePort = numberKind({
  ...port,
  fact: 'source',
  of: ({ source }) => source.port,
  yes: 'SOURCE_PORT_IN',
  no: 'SOURCE_PORT_NOT_IN',
  unknown: 'SOURCE_PORT_NOT_IN',
});

/** The port of ours that the client connected to; what comes by the TUN has none. */
export const inboundPort = numberKind({
  ...port,
  fact: 'inbound',
  of: ({ inbound }) => (inbound.port === 0 ? undefined : inbound.port),
  yes: 'IN_PORT_IN',
  no: 'IN_PORT_NOT_IN',
  unknown: 'IN_PORT_NONE',
});

export const userId = numberKind({
  fact: 'process',
  least: 0,
  most: 4_294_967_295,
  of: ({ process }) => process?.uid,
  hint: 'RULE_UID',
  yes: 'UID_IN',
  no: 'UID_NOT_IN',
  unknown: 'PROCESS_UNKNOWN',
});

/** DSCP (RFC 2474). */
export const trafficClass = numberKind({
  fact: 'traffic-class',
  least: 0,
  most: 63,
  of: ({ trafficClass }) => trafficClass,
  hint: 'RULE_DSCP',
  yes: 'DSCP_IN',
  no: 'DSCP_NOT_IN',
  unknown: 'DSCP_NOT_IN',
});

function numberKind({ fact, least, most, of, hint, yes, no, unknown }: NumberKind): TestKind {
  const rangesOf = (payload: string) => parseRangeList(payload, least, most).ranges;
  const isIn = (facts: MatchFacts, ranges: ReturnType<typeof rangesOf>): boolean => {
    const number = of(facts);
    return number !== undefined && isListed(ranges, number);
  };
  return {
    is: 'test',
    fact,
    compile: (entries) => {
      const lists = entries.map(({ payload, index }) => ({ ranges: rangesOf(payload), index }));
      return {
        lookup(facts, from, limit) {
          for (const { ranges, index } of lists) {
            if (index >= limit) return limit;
            if (index >= from && isIn(facts, ranges)) return index;
          }
          return limit;
        },
      };
    },
    read: (payload) => readRanges(payload, least, most, hint),
    matcher(payload) {
      const ranges = rangesOf(payload);
      return (facts) => isIn(facts, ranges);
    },
    why(payload, facts, hit) {
      const number = of(facts);
      if (number === undefined) return { code: unknown, values: {} };
      return { code: hit ? yes : no, values: { [wordOf(fact)]: String(number), payload } };
    },
  };
}

/** The place in the text of a reason. */
function wordOf(fact: Fact): string {
  return fact === 'process' ? 'uid' : fact === 'traffic-class' ? 'class' : 'port';
}

function readRanges(payload: string, least: number, most: number, hint: NoteHint): PayloadReading {
  const { ranges, wrong } = parseRangeList(payload, least, most);
  const word =
    wrong.find(({ text }) => /[^\d\s-]/.test(text)) ??
    (ranges.length + wrong.length === 0 ? { text: payload, offset: 0 } : undefined);
  if (word !== undefined) return bad(note('RULE_NOT_A_NUMBER', { found: word.text }, hint, word.offset));
  const [first] = wrong;
  if (ranges.length === 0) return never(`"${first?.text ?? ''}" is out of range`, hint, first?.offset);
  const told = first === undefined ? [] : [note('RULE_NUMBER_LEFT_OUT', { found: first.text }, hint, first.offset)];
  return ok(formatRangeList(ranges), ...told);
}
