/** The rules in force with their hits, asked for every two seconds while the page is open. */
import { useCallback, useEffect, useState } from 'react';
import type { AppParams } from '../../../core/contract/app.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import type { RuleRow } from '../../../core/contract/rpc.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useLive, useServices } from '../../stores/services.ts';

const pollMs = 2000;
const nowhere: readonly number[] = [];
/** A long list is expensive to send: its hits are looked at less often. */
const longList = 5000;
const longPollMs = 15_000;

export interface RulesState {
  /** The line of the profile of each; negative: of its override. Empty where that is not known. */
  readonly lines: readonly number[];
  /** Undefined until answered. */
  readonly rules: readonly RuleRow[] | undefined;
  readonly error: ErrorData | undefined;
  /** Switches a rule off or on, and asks for the list again. */
  readonly switchRule: (row: RuleRow, on: boolean) => void;
}

export function useRules(): RulesState {
  const { bridge } = useServices();
  const hash = useLive((state) => state.snapshot?.config.hash);
  // The helper may be ahead of what the app process knows to be in force.
  const applied = useLive(({ info }) => info?.profile?.state === 'applied');
  const [lines, setLines] = useState(nowhere);
  const [state, setState] = useState<Pick<RulesState, 'rules' | 'error'>>({ rules: undefined, error: undefined });
  useEffect(() => {
    // Without a snapshot there is no helper to ask; another configuration is asked for at once.
    if (hash === undefined) return undefined;
    let wanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      let wait = pollMs;
      try {
        const rules = await bridge.call('listRules', {});
        if (rules.length > longList) wait = longPollMs;
        if (wanted) setState({ rules, error: undefined });
      } catch (caught) {
        if (wanted) setState(({ rules }) => ({ rules, error: errorDataOf(caught) }));
      }
      if (wanted) timer = setTimeout(() => void ask(), wait);
    };
    void ask();
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [bridge, hash]);
  useEffect(() => {
    if (hash === undefined || !applied) return undefined;
    let wanted = true;
    bridge.call('ruleLines', {}).then(
      (answer) => wanted && setLines(answer.lines),
      () => wanted && setLines(nowhere), // told where they come from or not, the rules are shown
    );
    return () => {
      wanted = false;
    };
  }, [bridge, hash, applied]);
  const switchRule = useCallback(
    (row: RuleRow, on: boolean) => {
      const change = async () => {
        try {
          await bridge.call('switchRule', { index: row.index, rule: ruleOf(row), on });
          setState({ rules: await bridge.call('listRules', {}), error: undefined });
        } catch (caught) {
          setState(({ rules }) => ({ rules, error: errorDataOf(caught) }));
        }
      };
      void change();
    },
    [bridge],
  );
  return { ...state, lines: applied ? lines : nowhere, switchRule };
}

/** What the helper knows it by, besides its place. */
function ruleOf({ type, payload, policy, noResolve, src }: RuleRow): AppParams<'switchRule'>['rule'] {
  return { type, payload, policy, noResolve, ...(src === undefined ? {} : { src }) };
}
