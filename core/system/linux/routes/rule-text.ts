/** One policy rule as `ip -N -j rule` shows it: read, and put into the words in which it would be added (ip-rule(8)). Pure. */
import { z } from 'zod';
import { inOneForm } from './default-pieces.ts';

/** Nested values (next hops, flags) are only compared, so their text is enough. */
const jsonValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.unknown().transform((value) => JSON.stringify(value)),
]);
export const jsonObjects = z.array(z.record(z.string(), jsonValue));
export type JsonValue = z.infer<typeof jsonValue>;
export type JsonObject = Record<string, JsonValue>;

/** Actions by their number (linux/fib_rules.h), because of `-N`. */
const actions: Readonly<Record<string, string>> = { 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' };
const protocols: Readonly<Record<string, string>> = { icmp: '1', tcp: '6', udp: '17', 'ipv6-icmp': '58', sctp: '132' };

/** The words of a rule. A property that we do not know is kept, so that such a rule equals none of ours. */
export function ruleText(rule: JsonObject): string {
  const words = new Words();
  words.say('pref', rule['priority']);
  words.add(selectorOf(rule));
  for (const [key, value] of Object.entries(rule)) if (!knownKeys.has(key)) words.say(key, value);
  words.say('lookup', tableText(rule['table']));
  words.say('goto', rule['goto']);
  words.say('nop', rule['nop']);
  const action = rule['action'];
  if (action !== undefined) words.add(actions[String(action)] ?? `action ${String(action)}`);
  words.say('suppress_prefixlength', rule['suppress_prefixlen']);
  return words.text;
}

/** Which packets a rule is for; nothing when for all. */
export function selectorOf(rule: JsonObject): string {
  const words = new Words();
  words.say('not', rule['not']);
  words.say('from', prefixText(rule['src'], rule['srclen']));
  words.say('to', prefixText(rule['dst'], rule['dstlen']));
  words.say('tos', rule['tos']);
  words.say('fwmark', markOf(rule));
  words.say('iif', rule['iif']);
  words.say('oif', rule['oif']);
  words.say('uidrange', rangeOf(rule, 'uid'));
  words.say('ipproto', protocolOf(rule['ipproto']));
  words.say('sport', rule['sport'] ?? rangeOf(rule, 'sport'));
  words.say('dport', rule['dport'] ?? rangeOf(rule, 'dport'));
  return words.text;
}

/** The mark that a rule asks for, with its mask unless that is all bits. */
export function markOf(rule: JsonObject): string | undefined {
  const { fwmark, fwmask } = rule;
  if (fwmark === undefined) return undefined;
  return fwmask === undefined ? String(fwmark) : `${String(fwmark)}/${String(fwmask)}`;
}

/** Said in their place, ... */
const placedKeys =
  'priority not src srclen dst dstlen tos fwmark fwmask iif oif uid_start uid_end ipproto sport sport_start sport_end dport dport_start dport_end table goto nop action suppress_prefixlen';
/** ... and those that are no property of the rule itself: its state, and who says to have added it. */
const stateKeys = 'iif_detached oif_detached unresolved protocol';
const knownKeys = new Set(`${placedKeys} ${stateKeys}`.split(' '));

class Words {
  readonly #words: string[] = [];

  say(word: string, value: JsonValue | undefined): void {
    if (value !== undefined) this.#words.push(value === null ? word : `${word} ${String(value)}`);
  }

  add(text: string): void {
    if (text !== '') this.#words.push(text);
  }

  get text(): string {
    return this.#words.join(' ');
  }
}

function prefixText(address: JsonValue | undefined, length: JsonValue | undefined): string | undefined {
  if (address === undefined || address === 'all') return undefined;
  return inOneForm(length === undefined ? String(address) : `${String(address)}/${String(length)}`);
}

function rangeOf(rule: JsonObject, name: string): string | undefined {
  const [first, last] = [rule[`${name}_start`], rule[`${name}_end`]];
  return first === undefined || last === undefined ? undefined : `${String(first)}-${String(last)}`;
}

function protocolOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = String(value).replace(/^ipproto-/, '');
  return protocols[text] ?? text;
}

function tableText(table: JsonValue | undefined): JsonValue | undefined {
  return String(table) === '254' ? 'main' : table;
}
