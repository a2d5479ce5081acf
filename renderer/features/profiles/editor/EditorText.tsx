/** The text itself, and below it what is wrong with it, line by line. */
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConfigProblem } from '../../../../core/contract/error.ts';
import { countProblems } from '../../../../core/contract/problem-groups.ts';
import { ProblemList } from '../../../components/ProblemList.tsx';
import { type Draft, keyOf } from '../../../stores/profile-editor.ts';
import { useServices } from '../../../stores/services.ts';
import { CodeEditor } from './code/CodeEditor.tsx';
import { useCodeWords } from './use-code-words.ts';

const none: readonly ConfigProblem[] = [];

export function EditorText({ draft, name }: { draft: Draft; name: string }) {
  const { profileEditor } = useServices();
  const isOverride = draft.part === 'override';
  const words = useCodeWords(isOverride, name);
  const [jump, setJump] = useState<{ line: number; column: number } | undefined>();
  const problems = draft.trial?.problems ?? none;
  // Those of the other text stand at its lines.
  const own = useMemo(
    () => problems.filter(({ file }) => (file === 'override') === isOverride),
    [problems, isOverride],
  );
  const { names } = draft;
  const facts = useMemo(() => ({ words, names, isOverride }), [words, names, isOverride]);
  return (
    <div className="editor-text">
      <CodeEditor
        id={keyOf(draft)}
        text={draft.text}
        revision={draft.revision}
        readOnly={!draft.base.editable}
        facts={facts}
        problems={own}
        jump={jump}
        onChange={(text) => profileEditor.type(draft, text)}
        onSave={() => void profileEditor.review(draft)}
      />
      <Found draft={draft} problems={problems} onJump={setJump} />
    </div>
  );
}

interface FoundProps {
  draft: Draft;
  problems: readonly ConfigProblem[];
  onJump: (to: { line: number; column: number }) => void;
}

/** How many, and which; one of the text being shown leads to its line. */
function Found({ draft, problems, onJump }: FoundProps) {
  const { t } = useTranslation();
  const { profileEditor } = useServices();
  const [isOpen, setOpen] = useState(true);
  const { errors, warnings } = countProblems(problems);
  const isOverride = draft.part === 'override';
  const state =
    draft.trial === undefined
      ? t('editor.checking')
      : problems.length === 0
        ? t('editor.noProblems')
        : `${t('editor.errors', { count: errors })} · ${t('editor.warnings', { count: warnings })}`;
  return (
    <section className="editor-found" aria-label={t('editor.problems')} data-open={isOpen && problems.length > 0}>
      <div className="editor-found-head">
        <p role="status" data-valid={draft.trial?.valid}>
          {draft.trial?.valid === false ? <strong>{t('editor.unusable')} </strong> : null}
          {state}
        </p>
        {draft.checking && draft.trial !== undefined ? <span className="faint">{t('editor.checking')}</span> : null}
        {problems.length === 0 ? null : (
          <button type="button" className="button button-quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {t(isOpen ? 'editor.hideProblems' : 'editor.showProblems')}
          </button>
        )}
      </div>
      {isOpen && problems.length > 0 ? (
        <ProblemList
          problems={problems}
          onOpen={({ line, column, file }) => {
            const part = file === 'override' ? 'override' : 'source';
            if ((part === 'override') !== isOverride) void profileEditor.open({ id: draft.id, part });
            else if (line !== undefined) onJump({ line, column: column ?? 1 });
          }}
        />
      ) : null}
    </section>
  );
}
