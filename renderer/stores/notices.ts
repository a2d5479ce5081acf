/** Short messages at the edge of the window: what was done, or why it was not. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { ErrorData } from '../../core/contract/error.ts';

export interface Notice {
  readonly id: number;
  /** Already in the person's language. */
  readonly text: string;
  /** Stays until it is dismissed. */
  readonly sticky?: boolean;
  /** Present when something failed: shown with its code and action, and stays until dismissed. */
  readonly error?: ErrorData;
}

const lifetimeMs = 4000;
/** Older notices give way. */
const mostAtOnce = 3;

export class Notices {
  readonly store: StoreApi<readonly Notice[]> = createStore<readonly Notice[]>(() => []);
  readonly #after: (ms: number, callback: () => void) => () => void;
  #nextId = 1;

  constructor(after: (ms: number, callback: () => void) => () => void) {
    this.#after = after;
  }

  say(text: string): void {
    const id = this.#add({ text });
    this.#after(lifetimeMs, () => this.dismiss(id));
  }

  /** Says what a person should know who was not looking: it stays until dismissed. */
  warn(text: string): void {
    this.#add({ text, sticky: true });
  }

  fail(text: string, error: ErrorData): void {
    this.#add({ text, error });
  }

  dismiss(id: number): void {
    this.store.setState((notices) => notices.filter((notice) => notice.id !== id), true);
  }

  #add(notice: Omit<Notice, 'id'>): number {
    const id = this.#nextId++;
    this.store.setState((notices) => [...notices.slice(1 - mostAtOnce), { id, ...notice }], true);
    return id;
  }
}
