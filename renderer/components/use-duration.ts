/** Durations and moments in the person's language. */
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type DurationUnit, durationParts } from '../text/format.ts';

export interface DurationText {
  /** `12 s`, `3 min 04 s`. */
  readonly duration: (ms: number) => string;
  /** Of those the larger unit alone: `3 min`. */
  readonly brief: (ms: number) => string;
  /** `12 s ago`; `never` for 0. */
  readonly ago: (time: number, now: number) => string;
}

/** The same object until the language changes. */
export function useDuration(): DurationText {
  const { t } = useTranslation();
  return useMemo(() => durationText(t), [t]);
}

/** Some hundred of these change every second: the translator is asked once for each sentence, not for each number. */
function durationText(t: TFunction): DurationText {
  const around = (sentence: (slot: string) => string) => {
    const [before = '', after = ''] = sentence(slot).split(slot);
    return (text: string) => `${before}${text}${after}`;
  };
  const units: Readonly<Record<DurationUnit, (value: string) => string>> = {
    second: around((value) => t('unit.second', { value })),
    minute: around((value) => t('unit.minute', { value })),
    hour: around((value) => t('unit.hour', { value })),
    day: around((value) => t('unit.day', { value })),
  };
  const agoText = around((duration) => t('time.ago', { duration }));
  const never = t('time.never');
  const justNow = t('time.now');
  const duration = (ms: number): string =>
    durationParts(ms)
      .map(({ value, unit }) => units[unit](value))
      .join(' ');
  const brief = (ms: number): string => {
    const [first] = durationParts(ms);
    return first === undefined ? '' : units[first.unit](first.value);
  };
  const ago = (time: number, now: number): string => {
    if (time === 0) return never;
    return now - time < 1000 ? justNow : agoText(duration(now - time));
  };
  return { duration, brief, ago };
}

/** A character that no sentence has. */
const slot = '\u0000';
