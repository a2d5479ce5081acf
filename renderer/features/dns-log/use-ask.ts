/** A question that a person asks, and what came of it. A later question makes the answer to an earlier one void. */
import { useCallback, useRef, useState } from 'react';
import type { AppResult } from '../../../core/contract/app.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';

export interface Question {
  readonly name: string;
  readonly type: string;
}

export type AskOutcome =
  | { readonly kind: 'none' | 'asking' }
  | { readonly kind: 'answered'; readonly question: Question; readonly answer: AppResult<'dnsQuery'> }
  | { readonly kind: 'failed'; readonly error: ErrorData };

export interface Ask {
  readonly outcome: AskOutcome;
  /** Never rejects. */
  readonly ask: (question: Question) => Promise<void>;
  readonly forget: () => void;
}

export function useAsk(): Ask {
  const { bridge } = useServices();
  const [outcome, setOutcome] = useState<AskOutcome>({ kind: 'none' });
  const latest = useRef(0);
  const begin = useCallback((now: AskOutcome) => {
    const request = ++latest.current;
    setOutcome(now);
    return (then: AskOutcome) => {
      if (request === latest.current) setOutcome(then);
    };
  }, []);
  const ask = useCallback(
    async (question: Question) => {
      const settle = begin({ kind: 'asking' });
      try {
        settle({ kind: 'answered', question, answer: await bridge.call('dnsQuery', question) });
      } catch (caught) {
        settle({ kind: 'failed', error: errorDataOf(caught) });
      }
    },
    [bridge, begin],
  );
  const forget = useCallback(() => void begin({ kind: 'none' }), [begin]);
  return { outcome, ask, forget };
}
