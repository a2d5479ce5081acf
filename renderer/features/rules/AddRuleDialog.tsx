/** The easy form of a rule of one's own: what it is about, where it sends that, and whether it goes first. */
import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import { type RulePlace, rulePlaces } from '../../../core/contract/rule-places.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { useModal } from '../../components/use-modal.ts';
import { type EasyRuleType, easyRuleTypes, type RulePreset, ruleOf } from '../../stores/rule-box.ts';
import { useLive, useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import '../../components/confirm-dialog.css';
import './add-rule.css';

const builtIn = ['DIRECT', 'REJECT', 'REJECT-DROP'];
/** What the field is called. */
const fields: Readonly<Record<EasyRuleType, 'name' | 'prefix' | 'program' | 'port'>> = {
  DOMAIN: 'name',
  'DOMAIN-SUFFIX': 'name',
  'DOMAIN-KEYWORD': 'name',
  'IP-CIDR': 'prefix',
  'PROCESS-NAME': 'program',
  'DST-PORT': 'port',
};

export function AddRuleDialog() {
  const { ruleBox } = useServices();
  const preset = useStore(ruleBox.store);
  return preset === undefined ? null : <OpenDialog preset={preset} />;
}

function OpenDialog({ preset }: { preset: RulePreset }) {
  const { t } = useTranslation();
  const { ruleBox } = useServices();
  const entry = useLive(({ info }) => info?.profiles.find(({ active }) => active));
  const dialog = useModal((shown) => shown.querySelector<HTMLElement>('[data-first]')?.focus());
  const titleId = useId();
  const close = () => ruleBox.close();
  // One that was named for this run is in no list, and has no override.
  const reason =
    entry === undefined || entry.id === 'named'
      ? t('addRule.noProfile')
      : entry.override === 'off'
        ? t('addRule.off', { name: plainText(entry.name, 60) })
        : undefined;
  return (
    <dialog ref={dialog} className="dialog add-rule" aria-labelledby={titleId} onClose={close}>
      <h2 id={titleId}>{t('addRule.title')}</h2>
      {reason === undefined && entry !== undefined ? (
        <RuleForm preset={preset} entry={entry} onClose={close} />
      ) : (
        <>
          <p>{reason}</p>
          <div className="dialog-actions">
            <button type="button" className="button" data-first onClick={close}>
              {t('action.close')}
            </button>
          </div>
        </>
      )}
    </dialog>
  );
}

function RuleForm({ preset, entry, onClose }: { preset: RulePreset; entry: ProfileEntry; onClose: () => void }) {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const [type, setType] = useState(preset.type);
  const [payload, setPayload] = useState(preset.payload);
  const [policy, setPolicy] = useState('DIRECT');
  const [place, setPlace] = useState<RulePlace>('first');
  const [error, setError] = useState<ErrorData | undefined>();
  const [busy, setBusy] = useState(false);
  const policies = usePolicies(entry.id);
  const rule = ruleOf({ type, payload }, policy);
  const ready = payload.trim() !== '' && !busy;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    try {
      const { profile } = await bridge.call('addRule', { id: entry.id, rule, place });
      notices.say(t(profile?.state === 'applied' ? 'addRule.added' : 'addRule.kept'));
      onClose();
    } catch (caught) {
      setError(errorDataOf(caught));
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <p>{t('addRule.text', { name: plainText(entry.name, 60) })}</p>
      <div className="add-rule-fields">
        <label>
          <span>{t('addRule.match')}</span>
          <select className="field" value={type} onChange={(event) => setType(typeIn(event.target.value))}>
            {easyRuleTypes.map((each) => (
              <option key={each} value={each}>
                {t(`addRule.types.${each}`)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{t(`addRule.payload.${fields[type]}`)}</span>
          <input
            className="field mono"
            type="text"
            spellCheck={false}
            autoComplete="off"
            maxLength={1000}
            data-first={preset.payload === '' ? true : undefined}
            value={payload}
            onChange={(event) => setPayload(event.target.value)}
          />
        </label>
        <label>
          <span>{t('addRule.policy')}</span>
          <select
            className="field"
            data-first={preset.payload === '' ? undefined : true}
            value={policy}
            onChange={(event) => setPolicy(event.target.value)}
          >
            {policies.map((each) => (
              <option key={each} value={each}>
                {plainText(each, 80)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{t('addRule.place')}</span>
          <select className="field" value={place} onChange={(event) => setPlace(placeIn(event.target.value))}>
            {rulePlaces.map((each) => (
              <option key={each} value={each}>
                {t(`addRule.${each}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p className="mono add-rule-text">
        <span className="visually-hidden">{t('addRule.written')}: </span>
        {rule}
      </p>
      {error === undefined ? null : <ErrorCard error={error} context={t('addRule.failed')} />}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          {t('action.cancel')}
        </button>
        <button type="submit" className="button button-primary" disabled={!ready}>
          {t('addRule.add')}
        </button>
      </div>
    </form>
  );
}

/** The built-in ones until the app process has said which there are. */
function usePolicies(id: string): readonly string[] {
  const { bridge } = useServices();
  const [policies, setPolicies] = useState<readonly string[]>(builtIn);
  const asked = useRef(false);
  useEffect(() => {
    if (asked.current) return;
    asked.current = true;
    const ask = async () => {
      const { override } = await bridge.call('getProfileTexts', { id });
      const change = { id, part: 'override', text: override.text, compare: false } as const;
      const { names } = await bridge.call('tryProfileText', change);
      if (names !== null) setPolicies([...new Set([...builtIn, ...names.policies])]);
    };
    // What is wrong is told when the rule is added.
    ask().catch(() => undefined);
  }, [bridge, id]);
  return policies;
}

function typeIn(text: string): EasyRuleType {
  return easyRuleTypes.find((each) => each === text) ?? 'DOMAIN';
}

function placeIn(text: string): RulePlace {
  return rulePlaces.find((each) => each === text) ?? 'first';
}
