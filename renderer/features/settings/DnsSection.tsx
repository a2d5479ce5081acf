/** How names are answered: with fake addresses, with real ones, or as the profile says. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Snapshot } from '../../../core/contract/status.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { Chip } from '../../components/Chip.tsx';
import { Segmented } from '../../components/Segmented.tsx';
import { useLive, useServices } from '../../stores/services.ts';
import { dnsModeNames } from '../../text/dns-mode.ts';
import { SettingRow, SettingSection } from './SettingSection.tsx';

type Mode = Snapshot['dnsMode']['mode'];
type Choice = Mode | 'profile';

export function DnsSection() {
  const { t } = useTranslation();
  const snapshot = useLive((state) => state.snapshot);
  return (
    <SettingSection title={t('settings.dns')}>
      <SettingRow name={t('settings.dnsMode')}>
        {snapshot === undefined ? '–' : <ModeChoice snapshot={snapshot} />}
      </SettingRow>
    </SettingSection>
  );
}

/** Shows at once what was chosen, and the truth again when the helper refuses. */
function ModeChoice({ snapshot }: { snapshot: Snapshot }) {
  const { t } = useTranslation();
  const { bridge, live, notices } = useServices();
  const [wanted, setWanted] = useState<Choice | undefined>();
  const { mode, chosen } = snapshot.dnsMode;
  const choose = async (choice: Choice) => {
    setWanted(choice);
    try {
      const dnsMode = choice === 'profile' ? null : choice;
      live.setState({ snapshot: await bridge.call('setSwitches', { dnsMode }) });
    } catch (caught) {
      notices.fail(t('settings.dnsModeFailed'), errorDataOf(caught));
    }
    setWanted(undefined);
  };
  return (
    <>
      <Segmented<Choice>
        label={t('settings.dnsMode')}
        value={wanted ?? (chosen ? mode : 'profile')}
        disabled={!snapshot.mine}
        onChange={(choice) => void choose(choice)}
        options={[
          { value: 'profile', label: t('settings.dnsModeProfile') },
          { value: 'fake-ip', label: dnsModeNames['fake-ip'] },
          { value: 'redir-host', label: dnsModeNames['redir-host'] },
        ]}
      />
      {chosen ? (
        <Chip tone="amber">{t('settings.dnsModeChosen')}</Chip>
      ) : (
        <span className="soft">{t('settings.dnsModeInForce', { mode: dnsModeNames[mode] })}</span>
      )}
      <dl className="setting-choices">
        <ModeText mode="fake-ip" inForce={mode} text={t('settings.fakeIpText')} />
        <ModeText mode="redir-host" inForce={mode} text={t('settings.redirHostText')} />
      </dl>
      <p className="faint">{t('settings.dnsModeStay')}</p>
    </>
  );
}

function ModeText({ mode, inForce, text }: { mode: Mode; inForce: Mode; text: string }) {
  return (
    <div data-in-force={mode === inForce}>
      <dt>{dnsModeNames[mode]}</dt>
      <dd>{text}</dd>
    </div>
  );
}
