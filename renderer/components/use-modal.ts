/** A native dialog over the page: it keeps the focus inside, and gives it back to whoever had it. */
import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';

/** Shown as long as the component lives; `onShown` comes once it is. */
export function useModal(onShown?: (dialog: HTMLDialogElement) => void): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = useRef(onShown);
  useEffect(() => {
    const show = (): void => {
      if (dialog.current === null || dialog.current.open) return;
      dialog.current.showModal();
      shown.current?.(dialog.current);
    };
    // After a menu that it was asked for from has gone and given the focus back: React does that in the next microtask.
    queueMicrotask(() => queueMicrotask(show));
  }, []);
  // Before it leaves the page: one that is gone gives nothing back.
  useLayoutEffect(() => {
    const element = dialog.current;
    return () => element?.close();
  }, []);
  return dialog;
}
