/** One profile: what it is called, what it comes from, how its subscription does, and what can be done with it. */
import { CircleAlert, Ellipsis, FileText, Link, RotateCw } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import type { ProfileEntry, ProfileInfo } from '../../../core/contract/app.ts';
import { Chip } from '../../components/Chip.tsx';
import { DownloadProgress } from '../../components/DownloadProgress.tsx';
import { MenuButton } from '../../components/MenuButton.tsx';
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
}

export function ProfileCard({ entry, profile, actions, removable, onRename, onRemove }: ProfileCardProps) {
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

function StateChip({ state }: { state: ProfileInfo['state'] | undefined }) {
  const { t } = useTranslation();
  if (state === 'refused') return <Chip tone="red">{t('profiles.notApplied')}</Chip>;
  if (state === 'pending') return <Chip tone="amber">{t('profiles.notYet')}</Chip>;
  return <Chip tone="accent">{t('profiles.inUse')}</Chip>;
}
