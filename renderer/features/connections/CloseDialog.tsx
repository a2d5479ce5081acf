/** The question before more than one connection is closed. */
import { useTranslation } from 'react-i18next';
import { ConfirmDialog } from '../../components/ConfirmDialog.tsx';
import type { CloseFlows } from './use-close-flows.ts';

/** Live connections: those selected, those that a search or scope leaves, or every one there is. */
export interface Closing {
  readonly kind: 'selected' | 'shown' | 'all';
  readonly ids: readonly string[];
}

const titles = {
  selected: 'connections.closeSelectedTitle',
  shown: 'connections.closeShownTitle',
  all: 'connections.closeAllTitle',
} as const;

export function CloseDialog({ closing, close, onClose }: { closing: Closing; close: CloseFlows; onClose: () => void }) {
  const { t } = useTranslation();
  const { kind, ids } = closing;
  return (
    <ConfirmDialog
      title={t(titles[kind])}
      text={t('connections.closeAllText', { count: ids.length })}
      confirm={t('connections.closeAllConfirm')}
      onConfirm={() => void close(kind === 'all' ? 'all' : ids)}
      onClose={onClose}
    />
  );
}
