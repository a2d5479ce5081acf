/** Traffic of the last two minutes as a graph, with the speeds of now or of the moment pointed at. */
import { useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../../stores/services.ts';
import { historySeconds, type TrafficHistory } from '../../stores/traffic-history.ts';
import { formatRate, formatRound } from '../../text/format.ts';
import { areaPath, type Box, linePath, peakOf, sampleAt, sampleX, scaleTop } from './speed-curve.ts';

const height = 132;
/** Room below the graph for the times. */
const axisHeight = 16;
const gridLines = [0, 0.25, 0.5, 0.75, 1];
const axisSeconds = [90, 60, 30];

export function SpeedPanel() {
  const { t } = useTranslation();
  const history = useLive((state) => state.traffic);
  const [pointed, setPointed] = useState<number | undefined>();
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const now = history.at(-1);
  const shown = (pointed === undefined ? undefined : sampleAt(history, pointed, width)) ?? now;
  const secondsAgo = shown === undefined || now === undefined ? 0 : Math.round((now.time - shown.time) / 1000);
  const peak = peakOf(history);
  return (
    <section className="panel speed" aria-label={t('overview.speed')}>
      <div className="panel-head">
        <h2>{t('overview.speed')}</h2>
        <span className="faint">
          {secondsAgo > 0
            ? t('overview.secondsAgo', { seconds: secondsAgo })
            : t('overview.peak', { rate: formatRate(peak) })}
        </span>
      </div>
      <dl className="speed-now">
        <div data-direction="down">
          <dt>{t('overview.down')}</dt>
          <dd>{formatRate(shown?.down ?? 0)}</dd>
        </div>
        <div data-direction="up">
          <dt>{t('overview.up')}</dt>
          <dd>{formatRate(shown?.up ?? 0)}</dd>
        </div>
      </dl>
      <div
        ref={frame}
        className="speed-graph"
        onPointerMove={(event) => setPointed(event.clientX - event.currentTarget.getBoundingClientRect().left)}
        onPointerLeave={() => setPointed(undefined)}
      >
        {width === 0 ? null : (
          <SpeedGraph
            history={history}
            box={{ width, height }}
            markTime={pointed === undefined ? undefined : shown?.time}
          />
        )}
        {peak === 0 ? (
          <p className="speed-empty">
            <span>{t('overview.noTraffic')}</span>
          </p>
        ) : null}
      </div>
    </section>
  );
}

interface SpeedGraphProps {
  history: TrafficHistory;
  box: Box;
  markTime: number | undefined;
}

function SpeedGraph({ history, box, markTime }: SpeedGraphProps) {
  const { t } = useTranslation();
  const now = history.at(-1);
  const peak = peakOf(history);
  const top = scaleTop(peak);
  const label = t('overview.graph', {
    down: formatRate(now?.down ?? 0),
    up: formatRate(now?.up ?? 0),
    peak: formatRate(peak),
  });
  const mark = markTime === undefined || now === undefined ? undefined : sampleX(markTime, now.time, box.width);
  return (
    <svg width={box.width} height={box.height + axisHeight} role="img" aria-label={label}>
      {gridLines.map((share) => (
        <line key={share} className="speed-line" x1={0} x2={box.width} y1={gridY(share, box)} y2={gridY(share, box)} />
      ))}
      <path className="speed-area" d={areaPath(history, 'down', top, box)} />
      <path className="speed-up" d={linePath(history, 'up', top, box)} />
      <path className="speed-down" d={linePath(history, 'down', top, box)} />
      {[0.5, 1].map((share) => (
        <text key={share} className="speed-scale" x={2} y={gridY(share, box) + 12}>
          {formatRound(top * share)}
        </text>
      ))}
      {axisSeconds.map((seconds) => (
        <text key={seconds} className="speed-scale speed-axis" x={axisX(seconds, box)} y={box.height + 13}>
          {t('overview.axis', { seconds })}
        </text>
      ))}
      <text className="speed-scale speed-axis-end" x={box.width} y={box.height + 13}>
        {t('overview.axisNow')}
      </text>
      {mark === undefined ? null : <line className="speed-mark" x1={mark} x2={mark} y1={0} y2={box.height} />}
    </svg>
  );
}

function axisX(seconds: number, box: Box): number {
  return Math.round(box.width * (1 - seconds / historySeconds));
}

function gridY(share: number, box: Box): number {
  return Math.min(box.height - 0.5, Math.round(box.height * (1 - share)) + 0.5);
}

function useWidth(element: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (element.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
