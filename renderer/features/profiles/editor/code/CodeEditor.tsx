/**
 * The text of a profile with CodeMirror. It stands in a shadow tree: there its styles are sheets of their
 * own instead of `<style>` elements, which the page's policy forbids.
 */
import { autocompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from '@codemirror/language';
import { type Diagnostic, linter, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
} from '@codemirror/view';
import { useEffect, useRef } from 'react';
import type { ConfigProblem } from '../../../../../core/contract/error.ts';
import { fateOfProblem } from '../../../../../core/contract/problem-groups.ts';
import { useServices } from '../../../../stores/services.ts';
import { completionSource, helpLine, keyCards } from './code-help.ts';
import { codeTheme } from './code-theme.ts';
import type { CodeFacts } from './code-words.ts';

export interface CodeEditorProps {
  /** Names the text: its cursor and what can be undone are kept by it. */
  id: string;
  text: string;
  /** Another one than before: the text was changed by somebody else than the keyboard. */
  revision: number;
  readOnly: boolean;
  facts: CodeFacts;
  /** Of this text. */
  problems: readonly ConfigProblem[];
  /** Where the cursor is to go, once for each object. */
  jump: { line: number; column: number } | undefined;
  onChange: (text: string) => void;
  onSave: () => void;
}

/** What an editor asks while it lives: it outlives the component that shows it. */
interface Asked {
  props: CodeEditorProps;
}

/** A text as it was left, with what can be undone. */
interface KeptState {
  readonly asked: Asked;
  readonly state: EditorState;
  readonly revision: number;
  readonly language: string;
  readonly readOnly: boolean;
  readonly top: number;
}

export function CodeEditor(props: CodeEditorProps) {
  const { kept } = useServices();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const asked = useRef<Asked>({ props });
  const { id, text, revision, readOnly, problems, facts, jump } = props;
  // Another label is another language: the words of an editor are part of its state.
  const language = facts.words.label;
  useEffect(() => {
    asked.current.props = props;
  });

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' });
    const key = `code ${id}`;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only this component writes there
    const before = kept.get(key) as KeptState | undefined;
    const { props: now } = asked.current;
    const isSame =
      before !== undefined &&
      before.revision === now.revision &&
      before.language === language &&
      before.readOnly === readOnly &&
      before.state.sliceDoc() === now.text;
    if (isSame) {
      asked.current = before.asked;
      asked.current.props = now;
    }
    const own = asked.current;
    const state = isSame
      ? before.state
      : EditorState.create({ doc: now.text, extensions: extensionsOf(() => own.props, now.text) });
    const shown = new EditorView({ state, parent: root, root });
    view.current = shown;
    if (isSame) shown.scrollDOM.scrollTop = before.top;
    return () => {
      const { revision: last } = own.props;
      const left: KeptState = {
        asked: own,
        state: shown.state,
        revision: last,
        language,
        readOnly,
        top: shown.scrollDOM.scrollTop,
      };
      kept.set(key, left);
      shown.destroy();
      view.current = undefined;
    };
  }, [id, kept, language, readOnly]);

  useEffect(() => {
    const shown = view.current;
    if (shown === undefined || shown.state.sliceDoc() === text) return;
    shown.dispatch({ changes: { from: 0, to: shown.state.doc.length, insert: shown.state.toText(text) } });
    // What is typed is the view's own; only another revision comes from outside.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [revision, id, language, readOnly]);

  useEffect(() => {
    const shown = view.current;
    if (shown === undefined) return;
    const { words } = asked.current.props.facts;
    const told = problems.flatMap((problem) => diagnosticOf(shown.state, problem, words.problem));
    shown.dispatch(setDiagnostics(shown.state, told));
  }, [problems, id, language, readOnly]);

  useEffect(() => {
    const shown = view.current;
    if (shown === undefined || jump === undefined) return;
    const line = shown.state.doc.line(Math.min(Math.max(jump.line, 1), shown.state.doc.lines));
    const anchor = Math.min(line.from + jump.column - 1, line.to);
    shown.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
    shown.focus();
  }, [jump]);

  return <div ref={host} className="code-editor" />;
}

function extensionsOf(props: () => CodeEditorProps, text: string): Extension[] {
  const { readOnly, facts } = props();
  const now = (): CodeFacts => props().facts;
  const lineBreak = lineBreakOf(text);
  return [
    EditorState.lineSeparator.of(lineBreak),
    EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?|\n/g, lineBreak)),
    EditorState.phrases.of(facts.words.phrases),
    EditorState.readOnly.of(readOnly),
    EditorView.contentAttributes.of({
      'aria-label': facts.words.label,
      'aria-describedby': 'keyboard-help',
      ...(readOnly ? { 'aria-readonly': 'true' } : {}),
    }),
    lineNumbers(),
    lintGutter(),
    foldGutter(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSpecialChars(),
    highlightSelectionMatches(),
    drawSelection(),
    bracketMatching(),
    history(),
    indentOnInput(),
    indentUnit.of('  '),
    EditorState.tabSize.of(2),
    yaml(),
    search({ top: true }),
    linter(null),
    autocompletion({ override: [completionSource(now)], icons: false, maxRenderedOptions: 60 }),
    placeholder(readOnly ? '' : facts.words.placeholder),
    keyCards(now),
    helpLine(now),
    keymap.of([
      { key: 'Mod-s', preventDefault: true, run: () => (props().onSave(), true) },
      ...completionKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...lintKeymap,
      ...defaultKeymap,
      // Escape, then Tab, goes to the next control.
      indentWithTab,
    ]),
    EditorView.updateListener.of(({ docChanged, state }) => {
      if (docChanged) props().onChange(state.sliceDoc());
    }),
    codeTheme,
  ];
}

/** The one that the text has throughout. In a mixed one the other characters are kept as they are. */
function lineBreakOf(text: string): string {
  const returns = text.split('\r\n').length - 1;
  return returns > 0 && returns === text.split('\n').length - 1 ? '\r\n' : '\n';
}

const severities = {
  error: 'error',
  warning: 'warning',
  later: 'warning',
  differently: 'info',
  ignored: 'info',
} as const;

/** From where it stands to the end of the word, or of the line. One without a place has no line. */
function diagnosticOf(
  { doc }: EditorState,
  problem: ConfigProblem,
  textOf: (problem: ConfigProblem) => string,
): Diagnostic[] {
  if (problem.line === undefined || problem.line > doc.lines) return [];
  const line = doc.line(problem.line);
  const from = Math.min(line.from + (problem.column ?? 1) - 1, line.to);
  const [rest = ''] = /^[^\s#]*[^#]*?(?=\s*(?:#|$))/.exec(line.text.slice(from - line.from)) ?? [];
  const [word = rest] = /^[^\s:,[\]{}]+/.exec(rest) ?? [];
  const to = Math.min(line.to, from + Math.max(1, word.length));
  return [{ from, to, severity: severities[fateOfProblem(problem)], source: problem.code, message: textOf(problem) }];
}
