/** One profile: what it is called, what it comes from, how its subscription does, and what can be done with it. */
import { CircleAlert, Ellipsis, FileText, Link, RotateCw } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import type { ProfileEntry, ProfileInfo } from '../../../core/contract/app.ts';
import { Chip } from '../../components/Chip.tsx';
import { DownloadProgress } from '../../components/DownloadProgress.tsx';
import { MenuButton } from '../../components/MenuButton.tsx';
import { isChanged, keyOf } from '../../stores/profile-editor.ts';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import { InForce } from '../overview/ProfileRefused.tsx';
import { SubscriptionUse } from './SubscriptionUse.tsx';
import { UpdateLine } from './UpdateLine.tsx';
import type { ProfileActions } from './use-profile-actions.ts';

export interface ProfileCardProps {
  entry: ProfileEntry;
  /** What came of the profile in use. */
  profile: ProfileInfo | null;
  actions: ProfileActions;
  /** One in use goes only when there is no other. */
  removable: boolean;
  onRename: (entry: ProfileEntry) => void;
  onRemove: (entry: ProfileEntry) => void;
  /** Shows what its override changes, or a new version would; asks before the override goes. */
  onAsk: (entry: ProfileEntry, what: 'override' | 'look' | 'removeOverride') => void;
}

export function ProfileCard({ entry, profile, actions, removable, onRename, onRemove, onAsk }: ProfileCardProps) {
  const { t } = useTranslation();
  const name = plainText(entry.name, 100);
  const { source, subscription, updating, active } = entry;
  const state = active ? profile?.state : undefined;
  const Icon = source.kind === 'url' ? Link : FileText;
  return (
    <li className="profile-card" data-active={active} data-state={state} data-profile={entry.id}>
      <div className="profile-row">
        <Icon size={18} aria-hidden="true" />
        <div className="profile-facts">
          <strong>{name}</strong>
          <span className="faint">
            {t(`profiles.source.${source.kind}`)}{' '}
            <span className="mono">{plainText(source.kind === 'url' ? source.address : source.path, 400)}</span>
          </span>
        </div>
        {entry.override === undefined ? null : (
          <Chip tone={entry.override === 'on' ? 'outline' : 'plain'}>
            {t(`profiles.overrideState.${entry.override}`)}
          </Chip>
        )}
        {active ? <StateChip state={state} /> : null}
        {active ? null : (
          <button
            type="button"
            className="button"
            aria-label={t('profiles.useNamed', { name })}
            onClick={() => void actions.use(entry)}
          >
            {t('profiles.use')}
          </button>
        )}
        {source.kind === 'url' ? (
          <button
            type="button"
            className="button button-icon"
            aria-label={t('profiles.updateNamed', { name })}
            title={t('profiles.update')}
            disabled={updating !== undefined}
            onClick={() => void actions.update(entry)}
          >
            <RotateCw size={15} aria-hidden="true" />
          </button>
        ) : null}
        <MenuButton label={t('profiles.more', { name })} icon={<Ellipsis size={16} aria-hidden="true" />}>
          <TextItems entry={entry} actions={actions} onAsk={onAsk} />
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={() => onRename(entry)}>
            {t('profiles.renameAsk')}
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" disabled={!removable} onSelect={() => onRemove(entry)}>
            {t(removable ? 'profiles.removeAsk' : 'profiles.removeInUse')}
          </DropdownMenu.Item>
        </MenuButton>
      </div>
      {state === 'refused' && profile !== null ? (
        <p className="profile-refused">
          <CircleAlert size={15} aria-hidden="true" />
          <span>
            <strong>{t('profile.notApplied')}.</strong> <InForce profile={profile} />
          </span>
        </p>
      ) : null}
      {subscription?.info === undefined ? null : <SubscriptionUse info={subscription.info} />}
      {updating === undefined ? (
        subscription === undefined ? null : (
          <UpdateLine subscription={subscription} />
        )
      ) : (
        <div className="profile-updating" role="status">
          <DownloadProgress
            progress={updating}
            label={t('profiles.updating', { name })}
            stopLabel={t('profiles.stopNamed', { name })}
            onStop={() => actions.stop(entry)}
          />
        </div>
      )}
    </li>
  );
}

/** What can be done with its text and its override. */
function TextItems({ entry, actions, onAsk }: Pick<ProfileCardProps, 'entry' | 'actions' | 'onAsk'>) {
  const { t } = useTranslation();
  const { profileEditor } = useServices();
  const drafts = useStore(profileEditor.store, (state) => state.drafts);
  const { id, source, override } = entry;
  const isUnsaved = (part: 'source' | 'override') => {
    const draft = drafts.get(keyOf({ id, part }));
    return draft !== undefined && isChanged(draft);
  };
  const item = (label: string, onSelect: () => void) => (
    <DropdownMenu.Item className="menu-item" onSelect={onSelect}>
      {label}
    </DropdownMenu.Item>
  );
  return (
    <>
      {item(
        t(isUnsaved('source') ? 'profiles.editUnsaved' : source.kind === 'url' ? 'profiles.show' : 'profiles.edit'),
        () => void profileEditor.open({ id, part: 'source' }),
      )}
      {source.kind === 'url' ? item(t('profiles.look'), () => onAsk(entry, 'look')) : null}
      <DropdownMenu.Separator className="menu-line" />
      {item(
        `${t(override === undefined ? 'profiles.addOverride' : 'profiles.editOverride')}${isUnsaved('override') ? ` (${t('editor.unsaved')})` : ''}`,
        () => void profileEditor.open({ id, part: 'override' }),
      )}
      {override === undefined ? null : (
        <>
          {item(t('profiles.overrideChanges'), () => onAsk(entry, 'override'))}
          {item(
            t(override === 'on' ? 'profiles.overrideOff' : 'profiles.overrideOn'),
            () => void actions.switchOverride(entry, override === 'off'),
          )}
          {item(t('profiles.removeOverride'), () => onAsk(entry, 'removeOverride'))}
        </>
      )}
    </>
  );
}

function StateChip({ state }: { state: ProfileInfo['state'] | undefined }) {
  const { t } = useTranslation();
  if (state === 'refused') return <Chip tone="red">{t('profiles.notApplied')}</Chip>;
  if (state === 'pending') return <Chip tone="amber">{t('profiles.notYet')}</Chip>;
  return <Chip tone="accent">{t('profiles.inUse')}</Chip>;
}
