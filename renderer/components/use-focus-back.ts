/** Where the keyboard goes on after a menu. */
import { type RefObject, useLayoutEffect, useRef } from 'react';

/**
 * Gives `home` the focus in the very commit in which a menu goes. Radix does it a timer later, and a key pressed in between is
 * lost. Whoever was given the focus meanwhile keeps it.
 */
export function useFocusBack(isOpen: boolean, home: RefObject<HTMLElement | null>): void {
  const wasOpen = useRef(false);
  useLayoutEffect(() => {
    const hasGone = wasOpen.current && !isOpen;
    wasOpen.current = isOpen;
    if (!hasGone) return;
    const { activeElement, body } = document;
    const isFree = activeElement === null || activeElement === body || activeElement.closest('[role=menu]') !== null;
    if (isFree) home.current?.focus({ preventScroll: true });
  }, [isOpen, home]);
}
