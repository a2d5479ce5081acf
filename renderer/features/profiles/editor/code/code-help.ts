/** Completion, the card of a key under the pointer, and the line below the text that says the same to those who have none. */
import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  insertCompletionText,
} from '@codemirror/autocomplete';
import type { EditorState, Extension } from '@codemirror/state';
import { type EditorView, hoverTooltip, type Panel, showPanel } from '@codemirror/view';
import type { ProfileKey } from '../../../../../core/contract/profile-key.ts';
import { type Choice, choicesAt } from '../completions.ts';
import { keyAt } from '../profile-schema.ts';
import { placeAt, type YamlPlace } from '../yaml-place.ts';
import type { CodeFacts, CodeWords, KeyWords } from './code-words.ts';

type Facts = () => CodeFacts;

const kinds: Readonly<Record<Choice['kind'], string>> = {
  key: 'property',
  value: 'constant',
  policy: 'variable',
  provider: 'namespace',
  set: 'namespace',
  rule: 'keyword',
};

export function completionSource(facts: Facts): (context: CompletionContext) => CompletionResult | null {
  return ({ state, pos, explicit }) => {
    const { names, isOverride, words } = facts();
    const place = placeOf(state, pos, isOverride);
    // Without a word nobody has asked for anything, but behind what has just been begun.
    if (place === undefined || (!explicit && place.word.trim() === '' && !place.inFlow)) return null;
    const choices = choicesAt(place, names, isOverride);
    if (choices === undefined) return null;
    const line = state.doc.lineAt(pos);
    const options = choices.all.map((choice): Completion => optionOf(choice, words));
    return { from: line.from + Math.min(choices.from, pos - line.from), options, validFor: /^[^\s,:]*$/ };
  };
}

function optionOf({ label, kind, write, key }: Choice, words: CodeWords): Completion {
  const told = key === undefined ? undefined : words.describe(key);
  return {
    label,
    type: kinds[kind],
    apply: (view, completion, from, to) => apply(view, completion, write, from, to),
    ...(told === undefined ? {} : { info: () => cardOf(label, told), ...(told.isPlain ? {} : { detail: told.fate }) }),
  };
}

/** What follows already is not written twice. */
function apply(view: EditorView, completion: Completion, write: string, from: number, to: number): void {
  const rest = view.state.doc.lineAt(to);
  const behind = view.state.sliceDoc(to, rest.to);
  const isThere = completion.type === 'property' && /^\s*:/.test(behind);
  view.dispatch(insertCompletionText(view.state, isThere ? completion.label : write, from, to));
}

/** The key that a place belongs to: the one that stands there, or whose value does. */
export function keyNear(state: EditorState, pos: number, isOverride: boolean): ProfileKey | undefined {
  const line = state.doc.lineAt(pos);
  const column = pos - line.from;
  const place = placeOf(state, pos, isOverride);
  if (place === undefined) return undefined;
  if (place.at === 'value') return keyAt(place.path);
  const [word = ''] = /^[^\s:,{}[\]]*/.exec(line.text.slice(column)) ?? [];
  const end = placeOf(state, pos + word.length + 1, isOverride);
  return (end?.at === 'value' ? keyAt(end.path) : undefined) ?? keyAt(place.path);
}

function placeOf(state: EditorState, pos: number, isOverride: boolean): YamlPlace | undefined {
  const line = state.doc.lineAt(Math.min(pos, state.doc.length));
  return placeAt((at) => state.doc.line(at + 1).text, line.number - 1, pos - line.from, isOverride);
}

export function keyCards(facts: Facts): Extension {
  return hoverTooltip((view, pos) => {
    const { isOverride, words } = facts();
    const line = view.state.doc.lineAt(pos);
    const column = pos - line.from;
    const word = /[^\s:,{}[\]"'#-][^\s:,{}[\]"']*$/.exec(line.text.slice(0, column + 1));
    if (word === null) return null;
    const key = keyNear(view.state, line.from + word.index, isOverride);
    if (key === undefined) return null;
    const name = key.path.split('.').at(-1)?.replace('[]', '') ?? '';
    const create = () => ({ dom: cardOf(name, words.describe(key)) });
    return { pos: line.from + word.index, end: pos + 1, above: true, create };
  });
}

/** Says of the key at the cursor what its card says, and how the keyboard leaves the text. */
export function helpLine(facts: Facts): Extension {
  return showPanel.of((view): Panel => {
    const dom = document.createElement('div');
    dom.className = 'cm-editor-help';
    const key = dom.appendChild(document.createElement('p'));
    key.id = 'key-help';
    const hint = dom.appendChild(document.createElement('p'));
    hint.id = 'keyboard-help';
    hint.className = 'faint';
    const draw = (state: EditorState): void => {
      const { words, isOverride } = facts();
      const near = keyNear(state, state.selection.main.head, isOverride);
      const told = near && words.describe(near);
      const text = told === undefined ? words.noKey : `${near?.path}: ${told.meaning} (${told.fate})`;
      if (key.textContent !== text) key.textContent = text;
      if (hint.textContent !== words.hint) hint.textContent = words.hint;
    };
    draw(view.state);
    return {
      dom,
      update: ({ state, docChanged, selectionSet }) => (docChanged || selectionSet ? draw(state) : undefined),
    };
  });
}

function cardOf(name: string, { meaning, fate, usual, example }: KeyWords): HTMLElement {
  const card = document.createElement('div');
  card.className = 'cm-key-card';
  const line = (text: string | undefined, className = ''): void => {
    if (text === undefined) return;
    const paragraph = card.appendChild(document.createElement('p'));
    paragraph.textContent = text;
    paragraph.className = className;
  };
  const title = card.appendChild(document.createElement('code'));
  title.textContent = name;
  line(meaning);
  line(fate, 'faint');
  line(usual, 'faint');
  line(example, 'faint');
  return card;
}
