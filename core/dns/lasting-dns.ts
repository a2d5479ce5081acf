/**
 * What DNS has learnt that is true whatever the rules say: answers of servers, and what plain UDP servers are known to do. It lives
 * beside the graphs, which find their part of it by the configuration of the servers that it came from.
 */
import { LRUCache } from 'lru-cache';
import type { Ip } from '../base/address.ts';
import type { DnsMode } from '../contract/dns-config.ts';
import { AnswerMemory } from './resolver/answer-memory.ts';
import type { DnsModeNow } from './router/name-ways.ts';
import type { AnswerJudge } from './upstream/answer-suspicion.ts';
import { ServerPlaces } from './upstream/server-places.ts';

/** A graph that is in force. */
export interface DnsInForce {
  /** Whether it remembers answers under this key. */
  remembersAs(key: string): boolean;
  /** Whether the rules have a say in who answers for a normalised name. */
  isRuled(name: string): boolean;
  isFake(ip: Ip): boolean;
}

/** Plain UDP servers that are known; of more the one that was looked for longest ago is forgotten. */
const mostJudges = 256;

export class LastingDns {
  /** Where servers are asked that a firewall leads elsewhere. */
  readonly places = new ServerPlaces();
  readonly #memories = new Map<string, AnswerMemory>();
  readonly #judges = new LRUCache<string, AnswerJudge>({ max: mostJudges });
  #inForce: DnsInForce | undefined;
  #chosen: DnsMode | null = null;
  #choices = 0;
  #uniqueKeys = 0;

  /** Lists of servers whose answers are remembered. */
  get size(): number {
    return this.#memories.size;
  }

  get chosenMode(): DnsMode | null {
    return this.#chosen;
  }

  /** Instead of the configuration's, whatever that may be; null = as it says. */
  chooseMode(mode: DnsMode | null): void {
    if (mode === this.#chosen) return;
    this.#chosen = mode;
    this.#choices += 1;
  }

  /** Of a configuration that says `configured`. */
  modeOver(configured: DnsMode): DnsModeNow {
    const current = (): DnsMode => this.#chosen ?? configured;
    const revision = (): number => this.#choices;
    return {
      get current() {
        return current();
      },
      get revision() {
        return revision();
      },
    };
  }

  /** A key that nobody has had. */
  uniqueKey(): string {
    this.#uniqueKeys += 1;
    return `unique ${this.#uniqueKeys}`;
  }

  memory(key: string, capacity: number): AnswerMemory {
    const known = this.#memories.get(key);
    if (known !== undefined) return known;
    const memory = new AnswerMemory(capacity);
    this.#memories.set(key, memory);
    return memory;
  }

  /** What is known of a plain UDP server. */
  judge(key: string, make: () => AnswerJudge): AnswerJudge {
    const known = this.#judges.get(key);
    if (known !== undefined) return known;
    const judge = make();
    this.#judges.set(key, judge);
    return judge;
  }

  /** Whether an address is a fake one now; false before any graph was in force. */
  isFake(ip: Ip): boolean {
    return this.#inForce?.isFake(ip) ?? false;
  }

  /** Forgets what servers have answered; returns how many answers. */
  flush(): number {
    return [...this.#memories.values()].reduce((sum, memory) => sum + memory.flush(), 0);
  }

  /** The network has changed: another server may have the same address. */
  reset(): void {
    for (const memory of this.#memories.values()) memory.reset();
    for (const judge of this.#judges.values()) judge.reset();
  }

  /** What this graph has no use for is forgotten, and answers for which its rules might choose other servers. */
  use(graph: DnsInForce): void {
    this.#inForce = graph;
    for (const [key, memory] of this.#memories) {
      if (graph.remembersAs(key)) memory.forget((name) => graph.isRuled(name));
      else this.#memories.delete(key);
    }
  }
}
