/** The last tests of a node as bars: higher is slower, a red foot is no answer. The words are in the title. */
import { memo } from 'react';
import type { Delay } from '../../../core/contract/proxies.ts';

const height = 16;
const step = 5;
const barWidth = 3;
const most = 10;
/** Milliseconds that reach the top. */
const slowest = 2000;

export const DelayHistory = memo(function DelayHistory({ delays, label }: { delays: readonly Delay[]; label: string }) {
  const last = delays.slice(-most);
  if (last.length === 0) return null;
  const bar = (place: number, tall: number) => `M${place * step} ${height}v${-tall}h${barWidth}v${tall}z`;
  const answered = last.map(({ ms }, place) => (ms === null ? '' : bar(place, tallOf(ms)))).join('');
  const silent = last.map(({ ms }, place) => (ms === null ? bar(place, 3) : '')).join('');
  return (
    <svg
      className="delay-history"
      role="img"
      aria-label={label}
      width={most * step}
      height={height}
      viewBox={`0 0 ${most * step} ${height}`}
    >
      <title>{label}</title>
      <path className="delay-answered" d={answered} />
      <path className="delay-silent" d={silent} />
    </svg>
  );
});

/** By the logarithm: 30 ms and 60 ms are told apart as 300 ms and 600 ms are. */
function tallOf(ms: number): number {
  const part = Math.log2(1 + Math.min(ms, slowest) / 20) / Math.log2(1 + slowest / 20);
  return Math.max(2, Math.round(part * height));
}
