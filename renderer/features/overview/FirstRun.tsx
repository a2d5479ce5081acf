/** Before the first time: what turning Enhanced Mode on will change, and that it is put back. */
import { Info } from 'lucide-react';
import { useTranslation } from 'react-i18next';

/** Where the system's DNS settings are on Linux. */
const resolverFile = '/etc/resolv.conf';

export function FirstRun() {
  const { t } = useTranslation();
  return (
    <section className="panel first-run">
      <Info size={18} aria-hidden="true" />
      <div>
        <h2>{t('overview.firstTitle')}</h2>
        <p>{t('overview.firstText')}</p>
        <ol>
          <li>{t('overview.firstDevice')}</li>
          <li>{t('overview.firstDns', { file: resolverFile })}</li>
          <li>{t('overview.firstRoutes')}</li>
        </ol>
        <p>{t('overview.firstProfile')}</p>
        <p className="faint">{t('overview.firstHelper')}</p>
      </div>
    </section>
  );
}
