/** What the servers of one list have answered. It may outlive the resolver that fills it. Knows nothing of what it keeps. */
import { LRUCache } from 'lru-cache';
import type { AppError } from '../../base/app-error.ts';
import type { DnsAnswer } from './resolver.ts';

/** Memory for answers, whatever their number: one of 65,535 bytes can hold thousands of records. */
const mostBytes = 16 * 1024 * 1024;

export type Outcome = { readonly answer: DnsAnswer } | { readonly error: AppError };

export interface Remembered {
  readonly outcome: Outcome;
  /** Normalised. */
  readonly name: string;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly until: number;
  /** When it is worth while to ask again, after a refresh that failed. */
  readonly retryAt?: number;
}

export class AnswerMemory {
  readonly #answers: LRUCache<string, Remembered>;
  #epoch = 0;

  /** Remembers up to `capacity` answers, and 16 MiB of them. */
  constructor(capacity: number) {
    this.#answers = new LRUCache({ max: Math.max(1, capacity), maxSize: mostBytes, sizeCalculation: sizeOf });
  }

  /** Grows with `reset` and `forget`: what was asked in an earlier one is not to be remembered. */
  get epoch(): number {
    return this.#epoch;
  }

  get(key: string): Remembered | undefined {
    return this.#answers.get(key);
  }

  set(key: string, remembered: Remembered): void {
    this.#answers.set(key, remembered);
  }

  /** Forgets everything; returns how many there were. */
  flush(): number {
    const { size } = this.#answers;
    this.#answers.clear();
    return size;
  }

  /** The network has changed: everything is forgotten, and what is under way will not be remembered. */
  reset(): void {
    this.#answers.clear();
    this.#epoch += 1;
  }

  /**
   * Forgets what `isDoubtful` says of the names in it: the one that was asked for, and those of the records. What is under way may
   * be about such a name too, and will not be remembered.
   */
  forget(isDoubtful: (name: string) => boolean): void {
    this.#epoch += 1;
    for (const [key, { name, outcome }] of this.#answers.entries()) {
      const records = 'answer' in outcome ? outcome.answer.message.answers : [];
      if (isDoubtful(name) || records.some((record) => isDoubtful(record.name))) this.#answers.delete(key);
    }
  }
}

/** About how many bytes of memory it takes. */
function sizeOf({ outcome }: Remembered): number {
  if ('error' in outcome) return 500;
  const { answers, authorities, additionals } = outcome.answer.message;
  return [answers, authorities, additionals].flat().reduce((sum, { data }) => sum + 250 + lengthOf(data), 500);
}

const lengthOf = (data: unknown): number => (data instanceof Uint8Array ? data.length : 0);
