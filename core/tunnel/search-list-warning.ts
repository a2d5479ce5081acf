/** Tells people that the network's search list names public domains, which it is not given. */
import { warningOf } from '../contract/warning-texts.ts';
import type { HealthSink } from '../system/health-sink.ts';

const code = 'DNS_SEARCH_PUBLIC';
/** Named in the text; a list may have more. */
const most = 5;

export class SearchListWarning {
  readonly #health: HealthSink;
  readonly #domains = new Set<string>();

  constructor(health: HealthSink) {
    this.#health = health;
  }

  /** This domain of the search list is known to the internet. */
  raise(domain: string): void {
    if (this.#domains.has(domain)) return;
    this.#domains.add(domain);
    const named = [...this.#domains].slice(0, most).join(', ');
    this.#health.raise(warningOf(code, { domains: named, count: this.#domains.size }));
  }

  /** Another network, or other rules. */
  clear(): void {
    if (this.#domains.size === 0) return;
    this.#domains.clear();
    this.#health.clear(code);
  }
}
