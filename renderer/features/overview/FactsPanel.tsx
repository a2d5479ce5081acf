/** Numbers: totals, live connections, fake addresses, mixed port, configuration. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Snapshot } from '../../../core/contract/status.ts';
import { useLive } from '../../stores/services.ts';
import { dnsModeNames } from '../../text/dns-mode.ts';
import { formatBytes, formatCount, formatEndpoint } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import './facts.css';

export function FactsPanel({ snapshot }: { snapshot: Snapshot }) {
  const { t } = useTranslation();
  const sample = useLive((state) => state.traffic.at(-1));
  const { fakeIp, mixed, config, dnsMode } = snapshot;
  return (
    <dl className="facts">
      <Fact name={t('overview.downTotal')} note={t('overview.sinceStart')}>
        {sample === undefined ? '–' : formatBytes(sample.downTotal)}
      </Fact>
      <Fact name={t('overview.upTotal')} note={t('overview.sinceStart')}>
        {sample === undefined ? '–' : formatBytes(sample.upTotal)}
      </Fact>
      <Fact name={t('overview.live')} href="#/connections">
        {sample === undefined ? '–' : formatCount(sample.live)}
      </Fact>
      <Fact name={t('overview.questions')} href="#/dns">
        {sample === undefined ? '–' : formatCount(sample.dnsQuestions)}
      </Fact>
      <Fact name={t('overview.fakeIp')} note={<FakeIpUse {...fakeIp} />} href="#/mappings">
        {formatCount(fakeIp.used)}
      </Fact>
      <Fact
        name={t('overview.dnsMode')}
        note={t(dnsMode.chosen ? 'overview.dnsModeChosen' : 'overview.dnsModeProfile')}
        href="#/settings"
      >
        {dnsModeNames[dnsMode.mode]}
      </Fact>
      <Fact name={t('overview.rules')} note={`${t('overview.proxies')}: ${formatCount(config.proxies)}`} href="#/rules">
        {formatCount(config.rules)}
      </Fact>
      <Fact name={t('overview.mixed')} note={mixed === null ? undefined : 'SOCKS5, HTTP'}>
        {mixed === null ? (
          t('overview.mixedNone')
        ) : (
          <span className="mono">{formatEndpoint(plainText(mixed.address, 64), mixed.port)}</span>
        )}
      </Fact>
    </dl>
  );
}

interface FactProps {
  name: string;
  children: ReactNode;
  note?: ReactNode;
  /** The page that has more of it. */
  href?: string;
}

function Fact({ name, children, note, href }: FactProps) {
  return (
    <div className="fact">
      <dt>{href === undefined ? name : <a href={href}>{name}</a>}</dt>
      <dd className="fact-value">{children}</dd>
      {note === undefined ? null : <dd className="fact-note">{note}</dd>}
    </div>
  );
}

function FakeIpUse({ range, range6, used, capacity }: Snapshot['fakeIp']) {
  const { t } = useTranslation();
  const ranges = [range, ...(range6 === null ? [] : [range6])].map((text) => plainText(text, 50)).join(', ');
  const text = t('overview.fakeIpText', { range: ranges, used, capacity });
  return (
    <span title={text}>
      <meter min={0} max={Math.max(1, capacity)} value={used} aria-label={text} />
      <span className="mono">{ranges}</span>
    </span>
  );
}
