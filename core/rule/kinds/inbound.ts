/** Rules about the door of ours that a connection came in by. */

import type { RuleReasonCode } from '../../contract/rule-reasons.ts';
import type { RuleType } from '../../contract/rule-types.ts';
import type { InboundFacts } from '../match-facts.ts';
import { bad, never, note, ok, type PayloadReading, type TestKind } from '../rule-kind.ts';

/** Doors that Clash has. Those that we have not nobody comes in by. */
const clashTypes: readonly string[] = (
  'HTTP HTTPS SOCKS4 SOCKS5 SHADOWSOCKS SNELL VMESS VLESS REDIR TPROXY TROJAN TUNNEL TUN TUIC HYSTERIA2 ANYTLS MIERU SUDOKU ' +
  'TRUSTTUNNEL INNER'
).split(' ');

/** `HTTP` are plain requests, `HTTPS` is CONNECT. */
export const inboundType: TestKind = {
  ...about((payload) => {
    const types = new Set(payload.split('/').flatMap((word) => (word === 'SOCKS' ? ['SOCKS4', 'SOCKS5'] : [word])));
    return ({ type }) => types.has(type);
  }),
  read: readTypes,
  why: (payload, { inbound }, hit) => why('IN_TYPE', inbound.type, payload, hit),
};

export const inboundName: TestKind = {
  ...about(anyOf(({ name }) => name)),
  read: (payload) => readWords('IN-NAME', payload),
  why: (payload, { inbound }, hit) => why('IN_NAME', inbound.name, payload, hit),
};

export const inboundUser: TestKind = {
  ...about(anyOf(({ user }) => user)),
  read: (payload) => readWords('IN-USER', payload),
  why(payload, { inbound }, hit) {
    return inbound.user === '' ? { code: 'IN_USER_NONE', values: {} } : why('IN_USER', inbound.user, payload, hit);
  },
};

function about(
  prepare: (payload: string) => (inbound: InboundFacts) => boolean,
): Pick<TestKind, 'is' | 'fact' | 'matcher'> {
  return {
    is: 'test',
    fact: 'inbound',
    matcher(payload) {
      const matches = prepare(payload);
      return ({ inbound }) => matches(inbound);
    },
  };
}

function anyOf(wordOf: (inbound: InboundFacts) => string): (payload: string) => (inbound: InboundFacts) => boolean {
  return (payload) => {
    const words = new Set(payload.split('/'));
    return (inbound) => words.has(wordOf(inbound));
  };
}

function why(code: 'IN_TYPE' | 'IN_NAME' | 'IN_USER', found: string, payload: string, hit: boolean) {
  const codes = { yes: `${code}_IS`, no: `${code}_IS_NOT` } as const satisfies Record<string, RuleReasonCode>;
  return { code: hit ? codes.yes : codes.no, values: { found, payload } };
}

function wordsOf(payload: string): { text: string; offset: number }[] {
  let offset = 0;
  return payload.split('/').flatMap((part) => {
    const at = offset + part.length - part.trimStart().length;
    offset += part.length + 1;
    return part.trim() === '' ? [] : [{ text: part.trim(), offset: at }];
  });
}

function readTypes(payload: string): PayloadReading {
  const words = wordsOf(payload).map(({ text, offset }) => ({ text: text.toUpperCase(), offset }));
  const wrong = words.find(({ text }) => text !== 'SOCKS' && !clashTypes.includes(text));
  if (wrong !== undefined) return bad(note('UNKNOWN_WORD', { found: wrong.text }, 'RULE_IN_TYPE', wrong.offset));
  if (words.length === 0) return bad(note('RULE_NO_PAYLOAD', { type: 'IN-TYPE' }, 'RULE_IN_TYPE'));
  return ok(words.map(({ text }) => text).join('/'));
}

function readWords(type: RuleType, payload: string): PayloadReading {
  const words = wordsOf(payload);
  if (words.length === 0) return bad(note('RULE_NO_PAYLOAD', { type }));
  return ok(words.map(({ text }) => text).join('/'));
}

/** Hardware addresses are seen by routers only; nothing tells us that of a client. */
export const sourceMac: TestKind = {
  ...about(() => () => false),
  read(payload) {
    const isMac = /^[\da-f]{2}(?:[:-][\da-f]{2}){5}$/i.test(payload);
    if (!isMac) return bad(note('RULE_MAC', { found: payload }, 'RULE_MAC'));
    return never('the hardware addresses of clients are not seen here', undefined);
  },
  why: () => ({ code: 'NEVER', values: {} }),
};
