/** How far the delay test is, and the way to end it. */

import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { ProgressLine } from '../../components/ProgressLine.tsx';
import { testedOf } from '../../stores/delay-test.ts';
import { useServices } from '../../stores/services.ts';
import { formatCount } from '../../text/format.ts';
import type { ProxyEntries } from './member-list.ts';

/** Milliseconds without a further result, after which a test counts as over: it was ended elsewhere. */
const silence = 20_000;

export function TestProgress({ proxies }: { proxies: ProxyEntries }) {
  const { t } = useTranslation();
  const { delayTest } = useServices();
  const run = useStore(delayTest.store);
  const total = run?.nodes?.length;
  const tested = run === undefined ? 0 : testedOf(run, (name) => proxies.get(name)?.row);
  const isOver = total !== undefined && tested >= total;
  useEffect(() => {
    if (run === undefined) return undefined;
    if (total !== undefined && tested >= total) delayTest.finish();
    const timer = setTimeout(() => delayTest.finish(), silence);
    return () => clearTimeout(timer);
  }, [delayTest, run, tested, total]);
  if (run === undefined || isOver) return null;
  const text = t('proxies.testing', { tested: formatCount(tested), total: formatCount(total ?? 0) });
  return (
    <ProgressLine
      isStatus
      value={total === undefined ? undefined : tested}
      max={total ?? 1}
      text={text}
      stopLabel={t('proxies.stopTest')}
      onStop={() => void delayTest.stop()}
    />
  );
}
