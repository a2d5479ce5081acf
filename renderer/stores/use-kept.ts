/** State of a page that is still there when the person comes back to it: a choice, a selection, rows held still. */
import { useCallback, useState } from 'react';
import { useServices } from './services.ts';

/** As `useState`; the key names one value of one type in the whole window. */
export function useKept<V>(key: string, initial: V): readonly [V, (value: V) => void] {
  const { kept } = useServices();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only this hook writes, and a key has one type
  const [value, setValue] = useState<V>(() => (kept.has(key) ? (kept.get(key) as V) : initial));
  const set = useCallback(
    (next: V) => {
      kept.set(key, next);
      setValue(next);
    },
    [kept, key],
  );
  return [value, set];
}
