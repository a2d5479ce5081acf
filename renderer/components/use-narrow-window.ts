/** Whether the window is too narrow for words in the sidebar. */
import { useSyncExternalStore } from 'react';

const query = '(max-width: 1040px)';

export function useNarrowWindow(): boolean {
  return useSyncExternalStore(watch, () => window.matchMedia(query).matches);
}

function watch(listener: () => void): () => void {
  const media = window.matchMedia(query);
  media.addEventListener('change', listener);
  return () => media.removeEventListener('change', listener);
}
