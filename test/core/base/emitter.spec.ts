import { expect, test } from 'vitest';
import { Emitter } from '../../../core/base/emitter.ts';

test('listeners are called in order until removed; the same function twice is two listeners', () => {
  const emitter = new Emitter<number>();
  const seen: string[] = [];
  const listener = (value: number): void => void seen.push(`a${value}`);
  const first = emitter.on(listener);
  const second = emitter.on(listener);
  emitter.on((value) => seen.push(`b${value}`));
  emitter.emit(1);
  first();
  emitter.emit(2);
  second();
  emitter.emit(3);
  expect(seen).toEqual(['a1', 'a1', 'b1', 'a2', 'b2', 'b3']);
  expect(emitter.size).toBe(1);
});

test('an exception reaches the emitter after all listeners were called', () => {
  const emitter = new Emitter<void>();
  let called = false;
  emitter.on(() => {
    throw new Error('first');
  });
  emitter.on(() => {
    called = true;
  });
  expect(() => emitter.emit()).toThrow('first');
  expect(called).toBe(true);
});
