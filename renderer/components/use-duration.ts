/** Durations and moments in the person's language. */
import { useTranslation } from 'react-i18next';
import { durationParts } from '../text/format.ts';

export interface DurationText {
  /** `12 s`, `3 min 04 s`. */
  readonly duration: (ms: number) => string;
  /** `12 s ago`; `never` for 0. */
  readonly ago: (time: number, now: number) => string;
}

export function useDuration(): DurationText {
  const { t } = useTranslation();
  const duration = (ms: number): string =>
    durationParts(ms)
      .map(({ value, unit }) => t(`unit.${unit}`, { value }))
      .join(' ');
  const ago = (time: number, now: number): string => {
    if (time === 0) return t('time.never');
    return now - time < 1000 ? t('time.now') : t('time.ago', { duration: duration(now - time) });
  };
  return { duration, ago };
}
