/** What a link from outside asks for: where exactly the profile would come from, and how many further links wait. */
import { useTranslation } from 'react-i18next';
import type { ProfileOffer } from '../../../../core/contract/profile-import.ts';
import { plainText } from '../../../text/plain-text.ts';

export function OfferText({ id, offer, more }: { id: string; offer: ProfileOffer; more: number }) {
  const { t } = useTranslation();
  const address = `https://${plainText(offer.host, 260)}${plainText(offer.path, 300)}`;
  return (
    <>
      <div id={id}>
        <p>{t('import.offerText', { host: plainText(offer.host, 260) })}</p>
        <p className="mono offer-address">{offer.hidden ? `${address}?…` : address}</p>
        {offer.hidden ? <p className="faint">{t('import.offerHidden')}</p> : null}
      </div>
      {more === 0 ? null : <p className="faint">{t('import.offerMore', { count: more })}</p>}
    </>
  );
}
