/** The profiles there are, each with what can be done with it. Focus stays where it was when one goes. */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AppInfo, ProfileEntry } from '../../../core/contract/app.ts';
import { ConfirmDialog } from '../../components/ConfirmDialog.tsx';
import { plainText } from '../../text/plain-text.ts';
import { LookDialog, OverrideDialog } from './PreviewDialog.tsx';
import { ProfileCard } from './ProfileCard.tsx';
import { RenameDialog } from './RenameDialog.tsx';
import type { ProfileActions } from './use-profile-actions.ts';

export function ProfileList({ info, actions }: { info: AppInfo; actions: ProfileActions }) {
  const { t } = useTranslation();
  const list = useRef<HTMLUListElement>(null);
  const [renaming, setRenaming] = useState<ProfileEntry | undefined>();
  const [removing, setRemoving] = useState<ProfileEntry | undefined>();
  const [asked, setAsked] = useState<
    { entry: ProfileEntry; what: 'override' | 'look' | 'removeOverride' } | undefined
  >();
  const endAsking = () => setAsked(undefined);
  const name = plainText(removing?.name ?? '', 100);
  const remove = async (entry: ProfileEntry) => {
    await actions.remove(entry);
    list.current?.focus();
  };
  return (
    <>
      <ul ref={list} className="profile-cards" aria-label={t('profiles.list')} tabIndex={-1}>
        {info.profiles.map((entry) => (
          <ProfileCard
            key={entry.id}
            entry={entry}
            profile={info.profile}
            actions={actions}
            removable={!entry.active || info.profiles.length === 1}
            onRename={setRenaming}
            onRemove={setRemoving}
            onAsk={(about, what) => setAsked({ entry: about, what })}
          />
        ))}
      </ul>
      {renaming === undefined ? null : (
        <RenameDialog
          entry={renaming}
          onRename={(wanted) => void actions.rename(renaming, wanted)}
          onClose={() => setRenaming(undefined)}
        />
      )}
      {asked?.what === 'look' ? <LookDialog entry={asked.entry} actions={actions} onClose={endAsking} /> : null}
      {asked?.what === 'override' ? <OverrideDialog entry={asked.entry} onClose={endAsking} /> : null}
      {asked?.what === 'removeOverride' ? (
        <ConfirmDialog
          title={t('profiles.removeOverrideTitle', { name: plainText(asked.entry.name, 100) })}
          text={t('profiles.removeOverrideText')}
          confirm={t('profiles.removeOverrideConfirm')}
          onConfirm={() => void actions.removeOverride(asked.entry)}
          onClose={endAsking}
        />
      ) : null}
      {removing === undefined ? null : (
        <ConfirmDialog
          title={t('profiles.removeTitle', { name })}
          text={t(removing.source.kind === 'file' ? 'profiles.removeFile' : 'profiles.removeText')}
          confirm={t('profiles.remove')}
          onConfirm={() => void remove(removing)}
          onClose={() => setRemoving(undefined)}
        />
      )}
    </>
  );
}
