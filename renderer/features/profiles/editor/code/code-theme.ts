/** How the text of a profile looks: the colours of the window, in both themes and in forced colours. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--raised)', color: 'var(--text)' },
  // The frame around it says so (editor.css).
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', fontSize: 'var(--size-small)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--text)', paddingBottom: '40px' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--text)', borderLeftWidth: '2px' },
  '.cm-gutters': { backgroundColor: 'var(--frame)', color: 'var(--text-faint)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--hover)', color: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'color-mix(in srgb, var(--accent) 28%, transparent)',
  },
  '.cm-selectionMatch': { backgroundColor: 'var(--accent-soft)' },
  '.cm-searchMatch': { backgroundColor: 'var(--fake-soft)', outline: '1px solid var(--fake-mark)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--selected)', outline: '2px solid var(--accent)' },
  '.cm-placeholder': { color: 'var(--text-faint)', whiteSpace: 'pre-wrap' },
  '.cm-foldPlaceholder': {
    backgroundColor: 'var(--hover)',
    color: 'var(--text-soft)',
    border: '1px solid var(--line)',
  },
  '.cm-panels': { backgroundColor: 'var(--frame)', color: 'var(--text)', fontFamily: 'var(--font)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '6px 30px 6px 10px', fontSize: 'var(--size-small)' },
  '.cm-panel.cm-search label': { fontSize: 'var(--size-small)', whiteSpace: 'nowrap' },
  '.cm-panel input[type=checkbox]': { accentColor: 'var(--accent)' },
  '.cm-panel .cm-textfield, .cm-panel input.cm-textfield': {
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius-small)',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    fontSize: 'var(--size-small)',
  },
  '.cm-panel .cm-button': {
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius-small)',
    backgroundImage: 'none',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    fontSize: 'var(--size-small)',
  },
  '.cm-panel.cm-search [name=close]': { color: 'var(--text)', fontSize: '18px', width: '28px' },
  '.cm-panel :focus-visible': { outline: '2px solid var(--focus)', outlineOffset: '1px' },
  '.cm-tooltip': {
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius)',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    boxShadow: 'var(--shadow)',
    fontFamily: 'var(--font)',
    fontSize: 'var(--size-small)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '14em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionDetail': { color: 'var(--text-faint)', fontStyle: 'normal', marginLeft: '1em' },
  '.cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail': { color: 'inherit' },
  '.cm-completionInfo, .cm-key-card': { padding: '8px 10px', maxWidth: '380px', overflowWrap: 'anywhere' },
  '.cm-key-card p': { margin: '2px 0' },
  '.cm-key-card .faint': { color: 'var(--text-faint)' },
  '.cm-key-card code': { fontFamily: 'var(--mono)' },
  '.cm-diagnostic': { padding: '6px 10px', maxWidth: '440px', overflowWrap: 'anywhere' },
  '.cm-diagnostic-error': { borderLeft: '4px solid var(--danger)' },
  '.cm-diagnostic-warning': { borderLeft: '4px solid var(--fake-mark)' },
  '.cm-diagnostic-info': { borderLeft: '4px solid var(--line-strong)' },
  // The lines below are pictures of the library's own; ours have the window's colours.
  '.cm-lintRange': { backgroundImage: 'none', paddingBottom: '0' },
  '.cm-lintRange-error': { textDecoration: 'underline wavy var(--danger)', textUnderlineOffset: '3px' },
  '.cm-lintRange-warning': { textDecoration: 'underline wavy var(--fake-mark)', textUnderlineOffset: '3px' },
  '.cm-lintRange-info': { textDecoration: 'underline dotted var(--text-faint)', textUnderlineOffset: '3px' },
  '.cm-editor-help': { padding: '5px 10px', color: 'var(--text-soft)', fontSize: 'var(--size-small)' },
  '.cm-editor-help p': { margin: '0' },
  '.cm-editor-help .faint': { color: 'var(--text-faint)' },
  '@media (forced-colors: active)': {
    '.cm-tooltip-autocomplete ul li[aria-selected]': {
      backgroundColor: 'Highlight',
      color: 'HighlightText',
      forcedColorAdjust: 'none',
    },
    '.cm-selectionBackground': { background: 'Highlight', forcedColorAdjust: 'none' },
    '.cm-cursor': { borderLeftColor: 'CanvasText' },
  },
});

/** Words carry the meaning; the colours hold 4.5:1 on every surface. */
const words = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: 'var(--accent-strong)' },
  { tag: tags.propertyName, color: 'var(--accent-strong)' },
  { tag: tags.comment, color: 'var(--text-faint)', fontStyle: 'italic' },
  { tag: [tags.string, tags.content, tags.attributeValue], color: 'var(--text)' },
  { tag: [tags.keyword, tags.labelName, tags.typeName, tags.meta], color: 'var(--fake)' },
  { tag: [tags.separator, tags.punctuation, tags.squareBracket, tags.brace], color: 'var(--text-soft)' },
]);

export const codeTheme: Extension = [look, syntaxHighlighting(words)];
