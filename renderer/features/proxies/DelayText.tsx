/** What the last test of a proxy took, or the word for why there is nothing to say; the whole of it in the title. */
import type { Delay } from '../../../core/contract/proxies.ts';
import type { ProxyState } from '../../../core/contract/proxy-views.ts';
import { delayTone } from './member-list.ts';
import type { ProxyWords } from './use-proxy-words.ts';

export interface DelayTextProps {
  state: ProxyState;
  last: Delay | undefined;
  /** A test of it is under way. */
  testing: boolean;
  words: ProxyWords;
}

export function DelayText({ state, last, testing, words }: DelayTextProps) {
  const tone = state === 'alive' ? delayTone(last?.ms ?? 0) : state;
  return (
    <span className="delay" data-tone={tone} data-testing={testing} title={words.explain(state, last)}>
      {state === 'alive' ? `${Math.round(last?.ms ?? 0)} ms` : words.state[state]}
    </span>
  );
}
