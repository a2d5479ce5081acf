/** The big switch, what it is doing, and the two halves it consists of. */
import type { TFunction } from 'i18next';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { Snapshot, TunnelStepCode } from '../../../core/contract/status.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { Age } from '../../components/Age.tsx';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { Switch } from '../../components/Switch.tsx';
import { useDuration } from '../../components/use-duration.ts';
import { isOn } from '../../stores/enhanced-toggle.ts';
import { useServices, useToggle } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';

export function EnhancedPanel({ snapshot }: { snapshot: Snapshot }) {
  const { t } = useTranslation();
  const { toggle } = useServices();
  const { wanted, failure } = useToggle();
  const textId = useId();
  const { tunnel } = snapshot;
  const busy = wanted !== undefined || tunnel.kind === 'starting' || tunnel.kind === 'stopping';
  const error = failure ?? (tunnel.kind === 'error' && wanted === undefined ? tunnel.error : undefined);
  return (
    <section className="panel enhanced" aria-label={t('overview.enhanced')}>
      <div className="enhanced-main">
        <Switch
          large
          label={t('overview.switch')}
          checked={wanted ?? isOn(tunnel)}
          busy={busy}
          disabled={!snapshot.mine}
          describedBy={textId}
          onChange={(on) => void toggle.set(on)}
        />
        <div>
          <h2>{t('overview.enhanced')}</h2>
          <p id={textId} className="enhanced-state" aria-live="polite">
            <StateText snapshot={snapshot} wanted={wanted} />
          </p>
        </div>
        {tunnel.kind === 'running' ? (
          <p className="enhanced-since faint">
            <SinceText since={tunnel.since} />
          </p>
        ) : null}
      </div>
      {error === undefined ? null : (
        <ErrorCard error={error}>
          {snapshot.mine ? (
            <button type="button" className="button button-primary" onClick={() => void toggle.set(true)}>
              {t('action.tryAgain')}
            </button>
          ) : null}
          {failure === undefined ? null : (
            <button type="button" className="button" onClick={() => toggle.dismissFailure()}>
              {t('action.dismiss')}
            </button>
          )}
        </ErrorCard>
      )}
      <div className="enhanced-halves" role="group" aria-label={t('overview.halves')}>
        <Half snapshot={snapshot} name="systemDns" />
        <Half snapshot={snapshot} name="autoRoute" />
      </div>
    </section>
  );
}

function StateText({ snapshot, wanted }: { snapshot: Snapshot; wanted: boolean | undefined }) {
  const { t } = useTranslation();
  const { tunnel, owner, mine } = snapshot;
  if (!mine && owner !== null) return t('overview.otherOwner', { uid: owner.uid });
  switch (tunnel.kind) {
    case 'stopped':
      return t(wanted === true ? 'overview.starting' : 'overview.stopped');
    case 'starting':
      return t('overview.startingFor', { step: stepText(t, 'startStep', tunnel.step) });
    case 'running':
      return wanted === false
        ? t('overview.stopping')
        : t(runningText(snapshot), { device: plainText(tunnel.device, 20), bound: boundText(t, snapshot) });
    case 'stopping':
      return t('overview.stoppingFor', { step: stepText(t, 'stopStep', tunnel.step) });
    case 'error':
      return t(wanted === true ? 'overview.starting' : 'overview.error');
  }
}

/** One that a newer helper made up is shown by its name. */
function stepText(t: TFunction, kind: 'startStep' | 'stopStep', step: string): string {
  const known = stepNames.find((name) => name === step);
  return known === undefined ? plainText(step, 80) : t(`overview.${kind}.${known}`);
}

const stepNames: readonly TunnelStepCode[] = ['tun', 'dns-server', 'routes', 'system-dns', 'flush-caches'];

/** What becomes of programs that choose their own way out. */
function boundText(t: TFunction, { config, warnings }: Snapshot): string {
  const isStrict = config.strictRoute && warnings.every(({ code }) => code !== 'STRICT_ROUTE_UNAVAILABLE');
  return t(isStrict ? 'overview.boundRefused' : 'overview.boundPass');
}

/** What is captured, truthfully: each half may be off. */
function runningText({ systemDns, autoRoute, dnsMode }: Snapshot) {
  if (systemDns && autoRoute) return 'overview.running';
  if (autoRoute) return 'overview.runningRoutes';
  if (!systemDns) return 'overview.runningNothing';
  return dnsMode.mode === 'fake-ip' ? 'overview.runningDns' : 'overview.runningDnsReal';
}

function SinceText({ since }: { since: number }) {
  const { t } = useTranslation();
  // The sentence around the moving part differs by language; only the part in the middle moves.
  const [before, after] = t('overview.runningFor', { duration: '\u0000' }).split('\u0000');
  return (
    <>
      {before}
      <Age from={since} write={useDuration().duration} />
      {after}
    </>
  );
}

function Half({ snapshot, name }: { snapshot: Snapshot; name: 'systemDns' | 'autoRoute' }) {
  const { t } = useTranslation();
  const { bridge, live, notices } = useServices();
  const textId = useId();
  const on = snapshot[name];
  const realAddresses = name === 'systemDns' && snapshot.dnsMode.mode === 'redir-host';
  const set = async (value: boolean) => {
    try {
      live.setState({ snapshot: await bridge.call('setSwitches', { [name]: value }) });
    } catch (caught) {
      notices.fail(t('overview.switchFailed'), errorDataOf(caught));
    }
  };
  return (
    <div className="half">
      <Switch
        label={t(`overview.${name}`)}
        checked={on}
        disabled={!snapshot.mine}
        describedBy={textId}
        onChange={(value) => void set(value)}
      />
      <div>
        <h3>{t(`overview.${name}`)}</h3>
        <p id={textId} className="soft">
          {t(on ? (realAddresses ? 'overview.systemDnsRealText' : `overview.${name}Text`) : 'overview.halfOff')}
        </p>
      </div>
    </div>
  );
}
