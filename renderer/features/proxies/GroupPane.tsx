/** One group: its head and the table of its members. Enter or a click chooses, where the group lets people choose. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import type { Grid } from '../../components/data-grid/use-grid-layout.ts';
import { NoMatch } from '../../components/NoMatch.tsx';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import { GroupHead, type GroupHeadProps } from './GroupHead.tsx';
import { MemberMenu } from './MemberMenu.tsx';
import { memberKey } from './member-fields.ts';
import { isUsable, type MemberEntry } from './member-list.ts';

export interface GroupPaneProps extends GroupHeadProps {
  members: readonly MemberEntry[];
  search: string;
  grid: Grid<MemberEntry>;
  onOpenGroup: (name: string) => void;
}

export function GroupPane({ members, search, grid, onOpenGroup, ...head }: GroupPaneProps) {
  const { row, actions } = head;
  const { t } = useTranslation();
  const { notices } = useServices();
  const [active, setActive] = useState<{ group: string; name: string } | undefined>();
  const name = plainText(row.name, 64);
  const choose = (member: MemberEntry) => {
    if (row.group.chosen === member.name) return;
    if (!row.group.selectable) return notices.say(t('proxies.notSelectable'));
    if (!isUsable(member)) return notices.say(t(`proxies.stateText.${member.state}`));
    void actions.choose(row, member.name);
  };
  return (
    <section className="group-pane" aria-label={name}>
      <GroupHead {...head} />
      <div className="page-fill">
        {members.length === 0 && search !== '' ? (
          <NoMatch page="proxies" />
        ) : (
          <DataGrid
            label={t('proxies.table', { group: name })}
            grid={grid}
            rows={members}
            entryKey={memberKey}
            active={active?.group === row.name ? active.name : undefined}
            onActive={(key) => setActive({ group: row.name, name: key })}
            onOpen={choose}
            rowTone={rowTone}
            renderMenu={(member) => (
              <MemberMenu row={row} member={member} actions={actions} onOpenGroup={onOpenGroup} />
            )}
            viewKey={`${row.name}\n${search}`}
          />
        )}
      </div>
    </section>
  );
}

function rowTone(member: MemberEntry): string | undefined {
  return isUsable(member) ? undefined : 'muted';
}
