/** The question before addresses are released: which, and what that means for who remembers them. */
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { ConfirmDialog } from '../../components/ConfirmDialog.tsx';
import { plainText } from '../../text/plain-text.ts';

export interface ReleaseDialogProps {
  /** One or more. */
  rows: readonly MappingRow[];
  onConfirm: () => void;
  onClose: () => void;
}

export function ReleaseDialog({ rows, onConfirm, onClose }: ReleaseDialogProps) {
  const { t } = useTranslation();
  const [first] = rows;
  const words =
    first !== undefined && rows.length === 1
      ? {
          title: t('mappings.releaseTitle', { address: first.address }),
          text: t('mappings.releaseText', { name: plainText(first.name) }),
          confirm: t('mappings.releaseConfirm'),
        }
      : {
          title: t('mappings.releaseAllTitle', { count: rows.length }),
          text: t('mappings.releaseAllText'),
          confirm: t('mappings.releaseAllConfirm'),
        };
  return <ConfirmDialog {...words} onConfirm={onConfirm} onClose={onClose} />;
}
