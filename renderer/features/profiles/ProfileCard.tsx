/** One profile: what it is called, what it comes from, and the way to put it in use. */
import { FileText } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import { Chip } from '../../components/Chip.tsx';
import { plainText } from '../../text/plain-text.ts';
import type { ProfileActions } from './use-profile-actions.ts';

export function ProfileCard({ entry, actions }: { entry: ProfileEntry; actions: ProfileActions }) {
  const { t } = useTranslation();
  const name = plainText(entry.name, 100);
  return (
    <li className="profile-card" data-active={entry.active} data-profile={entry.id}>
      <FileText size={18} aria-hidden="true" />
      <div className="profile-facts">
        <strong>{name}</strong>
        <span className="mono faint">{plainText(entry.source.path, 400)}</span>
      </div>
      {entry.active ? (
        <Chip tone="accent">{t('profiles.inUse')}</Chip>
      ) : (
        <button
          type="button"
          className="button"
          aria-label={t('profiles.useNamed', { name })}
          onClick={() => void actions.use(entry)}
        >
          {t('profiles.use')}
        </button>
      )}
    </li>
  );
}
