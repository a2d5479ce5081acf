import { expect, test } from 'vitest';
import { defaultSize, minimumSize, placeWindow } from '../../electron/window-place.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1080 };
const left = { x: -1280, y: 0, width: 1280, height: 1024 };
const place = { x: 100, y: 80, width: 1000, height: 700, maximized: false };

test('nothing remembered: the usual size, wherever the system puts it', () => {
  expect(placeWindow(undefined, [screen])).toEqual(defaultSize);
});

test('as it was left', () => {
  expect(placeWindow(place, [screen])).toEqual({ x: 100, y: 80, width: 1000, height: 700 });
  expect(placeWindow({ ...place, x: -1200 }, [screen, left])).toMatchObject({ x: -1200 });
});

test.each([
  ['on a screen that is gone', { x: -1200 }],
  ['with its title bar above the screen', { y: -20 }],
  ['below the screen', { y: 1075 }],
  ['with a sliver to the right only', { x: 1900 }],
])('%s: the size stays, the position does not', (_, changes) => {
  expect(placeWindow({ ...place, ...changes }, [screen])).toEqual({ width: 1000, height: 700 });
});

test('never smaller than it can be used', () => {
  expect(placeWindow({ ...place, width: 10, height: 10 }, [screen])).toMatchObject(minimumSize);
});
