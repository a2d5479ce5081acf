/** "What would happen to ...?": asks the matcher in force, without connecting. */
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ErrorData } from '../../../core/contract/error.ts';
import type { RuleTrace } from '../../../core/contract/flow.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { Segmented } from '../../components/Segmented.tsx';
import { useServices } from '../../stores/services.ts';
import { parseTarget } from './parse-target.ts';
import { SimulatorResult } from './SimulatorResult.tsx';

type Outcome = { readonly trace: RuleTrace } | { readonly error: ErrorData } | undefined;

const networks = ['tcp', 'udp'] as const;

export function RuleSimulator({ onHit }: { onHit: (index: number) => void }) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const [host, setHost] = useState('');
  const [port, setPort] = useState('443');
  const [network, setNetwork] = useState<(typeof networks)[number]>('tcp');
  const [outcome, setOutcome] = useState<Outcome>();
  const target = parseTarget(host);

  const test = async (event: FormEvent) => {
    event.preventDefault();
    if (target === undefined) return;
    try {
      const trace = await bridge.call('testRule', { host: target.host, port: target.port ?? Number(port), network });
      setOutcome({ trace });
      if (trace.rule.index >= 0) onHit(trace.rule.index);
    } catch (caught) {
      setOutcome({ error: errorDataOf(caught) });
    }
  };

  return (
    <section className="simulator" aria-label={t('rules.simulator')}>
      <form onSubmit={(event) => void test(event)} title={t('rules.simulatorText')}>
        <span className="soft nowrap">{t('rules.simulator')}</span>
        <input
          className="field simulator-host"
          aria-label={t('rules.host')}
          placeholder={t('rules.hostHint')}
          value={host}
          maxLength={255}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setHost(event.target.value)}
        />
        <input
          className="field simulator-port"
          aria-label={t('rules.port')}
          inputMode="numeric"
          pattern="\d{1,5}"
          value={target?.port ?? port}
          disabled={target?.port !== undefined}
          onChange={(event) => setPort(event.target.value.replace(/\D/g, '').slice(0, 5))}
        />
        <Segmented
          label={t('rules.network')}
          value={network}
          onChange={setNetwork}
          options={networks.map((value) => ({ value, label: value.toUpperCase() }))}
        />
        <button
          type="submit"
          className="button button-primary"
          disabled={target === undefined || Number(port) > 65_535 || port === ''}
        >
          {t('rules.test')}
        </button>
      </form>
      {outcome === undefined ? null : 'error' in outcome ? (
        <ErrorCard error={outcome.error} context={t('rules.testFailed')}>
          <button type="button" className="button" onClick={() => setOutcome(undefined)}>
            {t('action.dismiss')}
          </button>
        </ErrorCard>
      ) : (
        <SimulatorResult trace={outcome.trace} onClose={() => setOutcome(undefined)} />
      )}
    </section>
  );
}
