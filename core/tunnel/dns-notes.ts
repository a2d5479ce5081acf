/** What connections and the network tell of names stands in the DNS log beside what was asked. */
import type { Clock } from '../base/clock.ts';
import type { DnsRow } from '../contract/dns.ts';
import type { DnsLog } from '../dns/server/dns-log.ts';

export class DnsNotes {
  readonly #log: Pick<DnsLog, 'record'>;
  readonly #clock: Clock;

  constructor(log: Pick<DnsLog, 'record'>, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** The first bytes of a connection told which name its fake address means. */
  recovered(address: string, name: string): void {
    this.#note({ name, type: '', verdict: 'recovered', rcode: '', answer: address, ms: 0 });
  }

  publicSearchDomain(name: string): void {
    const answer = 'a public domain in the search list of this network: its names go by the rules';
    this.#note({ name, type: '', verdict: 'refused', rcode: '', answer, ms: 0 });
  }

  /** The other side of a proxy says that there is no such name. */
  missing(name: string, upstream: string, ms: number): void {
    this.#note({ name, type: 'A', verdict: 'absent', rcode: 'NXDOMAIN', answer: '', upstream, upstreamMs: ms, ms });
  }

  #note(row: Omit<DnsRow, 'time' | 'client' | 'id'>): void {
    this.#log.record({ time: this.#clock.now(), client: '', ...row });
  }
}
