/** The groups: where each leads now, and how fast that is. One tab stop; arrow keys move, and what is moved to is shown. */
import { Search } from 'lucide-react';
import { type KeyboardEvent, memo } from 'react';
import { useTranslation } from 'react-i18next';
import { type GroupProxyRow, proxyStateOf } from '../../../core/contract/proxy-views.ts';
import { formatCount } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { DelayText } from './DelayText.tsx';
import { type ProxyWords, useProxyWords } from './use-proxy-words.ts';

export interface GroupListProps {
  groups: readonly GroupProxyRow[];
  selected: string | undefined;
  onSelect: (name: string) => void;
  /** How many members of each fit the search; undefined without one. */
  found: ReadonlyMap<string, number> | undefined;
}

export function GroupList({ groups, selected, onSelect, found }: GroupListProps) {
  const { t } = useTranslation();
  const words = useProxyWords();
  const move = (event: KeyboardEvent<HTMLElement>) => {
    const at = groups.findIndex(({ name }) => name === selected);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: groups.length - 1 }[event.key];
    const next = to === undefined ? undefined : groups[Math.max(0, Math.min(groups.length - 1, to))];
    if (next === undefined) return;
    event.preventDefault();
    onSelect(next.name);
    const item = event.currentTarget.children[groups.indexOf(next)];
    if (item instanceof HTMLElement) item.focus();
  };
  return (
    <div className="group-list" role="listbox" aria-label={t('proxies.groups')} onKeyDown={move}>
      {groups.map((row, at) => (
        <GroupItem
          key={row.name}
          row={row}
          selected={row.name === selected}
          focusable={row.name === selected || (selected === undefined && at === 0)}
          found={found?.get(row.name)}
          words={words}
          onSelect={onSelect}
        />
      ))}
    </div>
  );
}

interface GroupItemProps {
  row: GroupProxyRow;
  selected: boolean;
  focusable: boolean;
  found: number | undefined;
  words: ProxyWords;
  onSelect: (name: string) => void;
}

/** Not drawn again while nothing of it has changed. */
const GroupItem = memo(function GroupItem({ row, selected, focusable, found, words, onSelect }: GroupItemProps) {
  const { t } = useTranslation();
  const { name, group, testing } = row;
  return (
    <div
      className="group-item"
      role="option"
      aria-selected={selected}
      tabIndex={focusable ? 0 : -1}
      data-group={name}
      onClick={() => onSelect(name)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' || event.key === ' ') onSelect(name);
      }}
    >
      <span className="group-line">
        <strong>{plainText(name, 64)}</strong>
        <span className="faint nowrap">
          {found === undefined ? (
            t('proxies.members', { count: group.members.length })
          ) : (
            <>
              <Search size={11} aria-hidden="true" /> {formatCount(found)}
            </>
          )}
        </span>
      </span>
      <span className="group-line">
        <span className="group-now">
          <span className="faint">{words.kind(group.type)}</span>
          {group.now === null ? null : ` ${plainText(group.now, 64)}`}
        </span>
        <DelayText {...proxyStateOf(row, group.test)} testing={testing} words={words} />
      </span>
    </div>
  );
});
