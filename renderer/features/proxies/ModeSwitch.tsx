/** Who decides: the rules, the group GLOBAL, or nobody. Shows at once what was asked for, and the truth when it is refused. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PolicyMode } from '../../../core/contract/config.ts';
import { Segmented } from '../../components/Segmented.tsx';
import { useLive } from '../../stores/services.ts';
import type { ProxyActions } from './use-proxy-actions.ts';

/** In the order in which every Clash has them. */
const modes: readonly PolicyMode[] = ['rule', 'global', 'direct'];

export function ModeSwitch({ setMode }: Pick<ProxyActions, 'setMode'>) {
  const { t } = useTranslation();
  const mode = useLive(({ snapshot }) => snapshot?.mode.mode);
  const mine = useLive(({ snapshot }) => snapshot?.mine === true);
  const [wanted, setWanted] = useState<PolicyMode | undefined>();
  const choose = async (next: PolicyMode) => {
    setWanted(next);
    await setMode(next);
    setWanted(undefined);
  };
  if (mode === undefined) return null;
  return (
    <Segmented<PolicyMode>
      label={t('proxies.mode')}
      value={wanted ?? mode}
      disabled={!mine}
      onChange={(next) => void choose(next)}
      options={modes.map((value) => ({ value, label: t(`proxies.modeName.${value}`) }))}
    />
  );
}
