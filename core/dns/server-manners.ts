/** What one server does not take well, learnt from its answers: EDNS that it does not know, and trouble that passes. */
import type { Clock } from '../base/clock.ts';
import type { DnsMessage } from '../net/dns-message.ts';

/** How long a server that does not know EDNS is asked without it. Milliseconds. */
const plainFor = 600_000;
/** Questions in a row that only their copy without EDNS got answered. */
const telling = 2;

export class ServerManners {
  readonly #clock: Clock;
  #plainUntil = 0;
  #silent = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asks by `exchange`, which asks once, with EDNS or plain; once more, without EDNS, a server that seems to stumble over it
   * (RFC 6891 section 7), and one that had trouble of its own (SERVFAIL), which often passes. The later answer is given, if
   * it comes.
   */
  async ask<T extends { readonly message: DnsMessage }>(exchange: (plain: boolean) => Promise<T>): Promise<T> {
    const plain = this.#clock.monotonic() < this.#plainUntil;
    const first = await exchange(plain);
    const stumbles = !plain && stumblesOverEdns(first.message);
    if (!stumbles && first.message.rcode !== 'SERVFAIL') return first;
    try {
      const second = await exchange(plain || stumbles);
      if (stumbles && isAboutTheName(second.message)) this.#learn();
      return second;
    } catch {
      return first;
    }
  }

  /** A question with EDNS was answered; or was not, while its copy without was. */
  note(answered: 'with' | 'without'): void {
    this.#silent = answered === 'with' ? 0 : this.#silent + 1;
    if (this.#silent >= telling) this.#learn();
  }

  #learn(): void {
    this.#silent = 0;
    this.#plainUntil = this.#clock.monotonic() + plainFor;
  }
}

function stumblesOverEdns({ edns, rcode }: DnsMessage): boolean {
  if (rcode === 'FORMERR' || rcode === 'BADVERS') return true;
  return edns === undefined && (rcode === 'NOTIMP' || rcode === 'SERVFAIL');
}

const isAboutTheName = ({ rcode }: DnsMessage): boolean => rcode === 'NOERROR' || rcode === 'NXDOMAIN';
