/** Lines of a text beside those of before: what goes, what comes, and a little of what stays. */
import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import type { LineDiff, TextLine } from '../../../../core/contract/profile-editing.ts';
import { formatCount } from '../../../text/format.ts';

const marks: Readonly<Record<TextLine['kind'], string>> = { same: ' ', added: '+', removed: '−' };

export function LineDiffView({ diff }: { diff: LineDiff }) {
  const { t } = useTranslation();
  const { lines, more, added, removed } = diff;
  if (lines.length === 0) return null;
  return (
    <section className="line-diff" aria-label={t('editor.lines')}>
      <h3>
        {t('editor.lines')}{' '}
        <span className="faint">
          +{formatCount(added)} −{formatCount(removed)}
        </span>
      </h3>
      <ol className="mono">
        {lines.map((line, at) => (
          <Fragment key={`${line.kind} ${line.line}`}>
            {isGap(lines[at - 1], line) ? <li className="line-gap" aria-hidden="true" /> : null}
            <li data-kind={line.kind}>
              <span className="line-number" aria-hidden="true">
                {line.line}
              </span>
              <span className="line-mark" aria-hidden="true">
                {marks[line.kind]}
              </span>
              {line.kind === 'same' ? null : <span className="visually-hidden">{t(`editor.line.${line.kind}`)} </span>}
              <span className="line-text">{line.text}</span>
            </li>
          </Fragment>
        ))}
      </ol>
      {more === 0 ? null : <p className="faint">{t('editor.moreLines', { count: more })}</p>}
    </section>
  );
}

/** Lines between the two are left out: only those that stay ever are. */
function isGap(before: TextLine | undefined, line: TextLine): boolean {
  return line.kind === 'same' && before !== undefined && (before.kind === 'same' ? line.line > before.line + 1 : false);
}
