/** Says in the window that the helper died while Enhanced Mode was on, and what became of it. */
import type { LiveStore } from './live-store.ts';

export interface HelperWatchWords {
  /** It is back, and Enhanced Mode is on again; `time` is when it died. */
  readonly returned: (time: number) => void;
}

/** Listens for the life of the window. */
export function watchHelper(live: Pick<LiveStore, 'subscribe'>, words: HelperWatchWords): void {
  live.subscribe((state, before) => {
    if (before.helperLostAt === undefined || state.helperLostAt !== undefined) return;
    if (state.snapshot?.tunnel.kind === 'running') words.returned(before.helperLostAt);
  });
}
