/** What becomes another in what is in force, in words: rules, nodes, groups, sets, keys. */
import { useTranslation } from 'react-i18next';
import type { Changes, ConfigDiff, KeyChange, Some } from '../../core/contract/config-diff.ts';
import { countOf, diffParts, isSame } from '../../core/contract/diff-parts.ts';
import { formatCount } from '../text/format.ts';
import { plainText } from '../text/plain-text.ts';
import './diff-words.css';

export function DiffWords({ diff }: { diff: ConfigDiff }) {
  const { t } = useTranslation();
  if (isSame(diff)) return <p className="soft">{t('diff.nothing')}</p>;
  return (
    <section className="diff-words" aria-label={t('diff.title')}>
      {diffParts.map((part) =>
        countOf(diff[part]) === 0 ? null : (
          <Part key={part} title={t(`diff.parts.${part}`)} changes={diff[part]} isOrdered={part === 'rules'} />
        ),
      )}
      {diff.keys.length === 0 ? null : (
        <div>
          <h3>{t('diff.keys')}</h3>
          <ul>
            {diff.keys.map((change) => (
              <Key key={change.key} change={change} />
            ))}
          </ul>
          {diff.moreKeys === 0 ? null : <p className="faint">{t('diff.more', { count: diff.moreKeys })}</p>}
        </div>
      )}
    </section>
  );
}

function Part({ title, changes, isOrdered }: { title: string; changes: Changes; isOrdered: boolean }) {
  const { t } = useTranslation();
  const { added, removed, changed } = changes;
  const other = isOrdered ? 'moved' : 'changed';
  const told = (
    [
      [added, 'added'],
      [removed, 'removed'],
      [changed, other],
    ] as const
  ).flatMap(([{ count }, word]) => (count === 0 ? [] : [t(`diff.${word}`, { n: formatCount(count) })]));
  return (
    <div>
      <h3>
        {title} <span className="faint">{told.join(' · ')}</span>
      </h3>
      <ul>
        <Items mark="+" kind="added" some={added} />
        <Items mark="−" kind="removed" some={removed} />
        <Items mark="~" kind={other} some={changed} />
      </ul>
    </div>
  );
}

function Key({ change }: { change: KeyChange }) {
  if ('before' in change)
    return (
      <li data-kind="key">
        <span className="mono">{change.key}</span>: <span className="mono">{plainText(change.before, 130)}</span> →{' '}
        <span className="mono">{plainText(change.after, 130)}</span>
      </li>
    );
  return (
    <>
      <li className="mono">{change.key}</li>
      <Items mark="+" kind="added" some={change.added} />
      <Items mark="−" kind="removed" some={change.removed} />
    </>
  );
}

function Items({ mark, kind, some }: { mark: string; kind: 'added' | 'removed' | 'moved' | 'changed'; some: Some }) {
  const { t } = useTranslation();
  const more = some.count - some.first.length;
  return (
    <>
      {some.first.map((text, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- they are in order, and one may stand twice
        <li key={`${at} ${text}`} data-kind={kind}>
          <span className="mono" aria-hidden="true">
            {mark}
          </span>
          <span className="visually-hidden">{t(`diff.kind.${kind}`)} </span>
          <span className="mono">{plainText(text, 130)}</span>
        </li>
      ))}
      {more === 0 ? null : <li className="faint">{t('diff.more', { count: more })}</li>}
    </>
  );
}
