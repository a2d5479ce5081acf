/** Adds what is in the dialog, and uses it at once where the person wants that; says what came of it. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { errorDataOf } from '../../../bridge/error-data.ts';
import { useServices } from '../../../stores/services.ts';
import { plainText } from '../../../text/plain-text.ts';

export interface AddProfile {
  readonly add: () => Promise<void>;
  /** Whether it is used at once; the first profile of all always is. */
  readonly use: boolean;
  readonly setUse: (use: boolean) => void;
}

export function useAdd(): AddProfile {
  const { t } = useTranslation();
  const { bridge, importBox, notices, ui } = useServices();
  const [use, setUse] = useState(true);
  const add = async () => {
    const added = await importBox.add();
    if (added === undefined) return;
    ui.open('profiles');
    const entry = added.info.profiles.find(({ id }) => id === added.id);
    const name = plainText(entry?.name ?? '', 60);
    try {
      const isActive = entry?.active === true;
      const info = use && !isActive ? await bridge.call('useProfile', { id: added.id }) : added.info;
      if (!use && !isActive) notices.say(t('import.added', { name }));
      else if (info.profile?.state === 'refused') notices.warn(t('profile.notApplied'));
      else notices.say(t('profiles.used', { name }));
    } catch (caught) {
      notices.fail(t('profiles.useFailed'), errorDataOf(caught));
    }
  };
  return { add, use, setUse };
}
