/** The columns of a group's members. */
import { Check } from 'lucide-react';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Chip } from '../../components/Chip.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { formatCount } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { DelayHistory } from './DelayHistory.tsx';
import { DelayText } from './DelayText.tsx';
import { delayForSort, type MemberEntry } from './member-list.ts';
import { type ProxyWords, useProxyWords } from './use-proxy-words.ts';

export function useMemberColumns(): readonly Column<MemberEntry>[] {
  const { t } = useTranslation();
  const words = useProxyWords();
  return useMemo(
    () => [
      {
        id: 'order',
        title: '#',
        description: t('proxies.column.order'),
        width: 44,
        yields: 3,
        align: 'end',
        cell: ({ place }) => <span className="faint">{formatCount(place + 1)}</span>,
        sort: ({ place }) => place,
      },
      {
        id: 'name',
        title: t('proxies.column.name'),
        width: 130,
        grow: 3,
        comfort: 240,
        beside: 24,
        content: ({ name }) => name,
        cell: (entry) => nameCell(entry, words),
        sort: ({ name }) => name,
      },
      {
        id: 'type',
        title: t('proxies.column.type'),
        width: 80,
        yields: 1,
        beside: 12,
        content: ({ row }) => words.kind(row?.kind ?? ''),
        cell: ({ row }) => {
          const kind = words.kind(row?.kind ?? '');
          return kind === '' ? <span className="faint">–</span> : <Chip>{kind}</Chip>;
        },
        sort: ({ row }) => words.kind(row?.kind ?? ''),
      },
      {
        id: 'history',
        title: t('proxies.column.history'),
        width: 78,
        yields: 2,
        cell: ({ history }) => <DelayHistory delays={history} label={words.history(history)} />,
        sort: ({ last }) => last?.at,
      },
      {
        id: 'delay',
        title: t('proxies.column.delay'),
        width: 76,
        align: 'end',
        samples: [...Object.values(words.state), '9999 ms'],
        cell: ({ state, last, row }) => (
          <DelayText state={state} last={last} testing={row?.testing === true} words={words} />
        ),
        sort: delayForSort,
      },
    ],
    [t, words],
  );
}

function nameCell(entry: MemberEntry, words: ProxyWords) {
  const { name, row, current } = entry;
  const leads = plainText(row?.group?.leaf ?? '', 64);
  return (
    <>
      <span className="member-mark" role={current ? 'img' : undefined} aria-label={current ? words.inUse : undefined}>
        {current ? <Check size={14} aria-hidden="true" /> : null}
      </span>
      <span className="member-name" data-current={current} title={plainText(name)}>
        {plainText(name)}
        {leads === '' ? null : <span className="faint">{` › ${leads}`}</span>}
      </span>
    </>
  );
}
