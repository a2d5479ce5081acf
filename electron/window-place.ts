/** Where the window goes: as it was left, if that is still on a screen. */
import type { WindowPlace } from './settings.ts';

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const defaultSize = { width: 1180, height: 760 } as const;
export const minimumSize = { width: 420, height: 400 } as const;

/** Columns and rows of pixels that must be on a screen for the window to be grasped. */
const graspable = 80;

/** Size and, where one is remembered and still on a screen, position. Without a position the system centres it. */
export function placeWindow(
  remembered: WindowPlace | undefined,
  screens: readonly Area[],
): { width: number; height: number; x?: number; y?: number } {
  if (remembered === undefined) return { ...defaultSize };
  const size = {
    width: Math.max(remembered.width, minimumSize.width),
    height: Math.max(remembered.height, minimumSize.height),
  };
  const { x, y } = remembered;
  const visible = screens.some((screen) => {
    const columns = Math.min(x + size.width, screen.x + screen.width) - Math.max(x, screen.x);
    const titleBar = y >= screen.y && y <= screen.y + screen.height - graspable;
    return columns >= graspable && titleBar;
  });
  return visible ? { ...size, x, y } : size;
}
