/** How far a download is, in bytes, and the way to end it. */

import { useTranslation } from 'react-i18next';
import type { Progress } from '../../core/contract/providers.ts';
import { formatBytes } from '../text/format.ts';
import { ProgressLine } from './ProgressLine.tsx';

export interface DownloadProgressProps {
  /** Undefined while it is not known to have begun. */
  progress: Progress | undefined;
  /** What is being downloaded. */
  label: string;
  stopLabel: string;
  onStop: () => void;
}

export function DownloadProgress({ progress, label, stopLabel, onStop }: DownloadProgressProps) {
  const { t } = useTranslation();
  const { bytes = 0, total } = progress ?? {};
  const known = total !== undefined && total > 0;
  const text = known
    ? t('download.progress', { bytes: formatBytes(bytes), total: formatBytes(total) })
    : bytes === 0
      ? t('download.begun')
      : formatBytes(bytes);
  return (
    <ProgressLine
      value={known ? bytes : undefined}
      max={known ? total : 1}
      text={text}
      label={label}
      stopLabel={stopLabel}
      onStop={onStop}
    />
  );
}
