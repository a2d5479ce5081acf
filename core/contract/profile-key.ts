/** What is known of a key of a profile, for its explanation and its completion. */
import type { HintCode } from './problem-texts.ts';
import { type KeyFate, type NoteCode, noteFates } from './profile-notes.ts';

export type KeyUnit = 's' | 'ms' | 'h' | 'bytes';

/** What may stand behind a key; a `hint` says it in words. */
export type KeyValue =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number; readonly unit?: KeyUnit }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'text' | 'list' | 'map'; readonly hint?: HintCode };

export interface ProfileKey {
  /** `[]` are the items of a list, `*` the keys of a map that people name: `proxy-groups[].interval`, `rule-providers.*.url`. */
  readonly path: string;
  readonly value: KeyValue;
  /** In words where it is no value. */
  readonly usual: string;
  /** A value as it would be written. */
  readonly example: string;
  /** Of one type of group only. */
  readonly only?: string;
  /** Why it changes nothing, or something else than in Clash. */
  readonly note?: NoteCode;
  /** It changes nothing, as its meaning says. */
  readonly harmless?: true;
}

export function fateOfKey({ note, harmless }: Pick<ProfileKey, 'note' | 'harmless'>): KeyFate {
  if (note !== undefined) return noteFates[note];
  return harmless === true ? 'ignored' : 'supported';
}

/** The parts of a path: names, and `*` for what people name. Items of a list are no part of their own. */
export function keyParts(path: string): string[] {
  return path.replaceAll(/\[[^\]]*\]/g, '').split('.');
}

/** A key and where it stands, as it would be written. */
export function exampleLines({ path, example }: Pick<ProfileKey, 'path' | 'example'>): string[] {
  const parts = path.split('.').map((part) => (part === '*' ? 'NAME' : part));
  return parts.map((part, depth) => {
    const isItem = parts[depth - 1]?.endsWith('[]') === true;
    // An item of a list: its other keys stand before this one.
    const indent = '  '.repeat(depth) + (isItem ? '- ' : '');
    const name = part.replace('[]', '');
    return depth === parts.length - 1 ? `${indent}${name}: ${example}` : `${indent}${name}:`;
  });
}
