/**
 * What one server does not take well, learnt from its answers: EDNS that it does not know, names with mixed letters, and trouble
 * that passes.
 */
import type { Clock } from '../../base/clock.ts';
import { type DnsMessage, isAboutTheName } from '../../net/dns-message.ts';

/** How a question is put: without EDNS, and with the letters of its name as they are. */
export interface Manner {
  readonly plain: boolean;
  readonly even: boolean;
}

/** How long a server that does not know EDNS is asked without it, and one that stumbles over letters with even ones. Milliseconds. */
const plainFor = 600_000;
/** Refusals that a copy with even letters did not better: they are believed then. A denial says nothing about the next name. */
const vainCopies = 3;
/** Questions in a row of which only their copy was answered. */
const telling = 2;

export class ServerManners {
  readonly #clock: Clock;
  readonly #mayMindLetters: () => boolean;
  #plainUntil = 0;
  #evenUntil = 0;
  #silent = 0;
  #vain = 0;

  /** `mayMindLetters`: whether the server was not yet seen to find a name with mixed letters; absent where names are sent as they are. */
  constructor(clock: Clock, mayMindLetters: () => boolean = () => false) {
    this.#clock = clock;
    this.#mayMindLetters = mayMindLetters;
  }

  /**
   * Asks by `exchange`, which asks once; once more, without EDNS, a server that seems to stumble over it (RFC 6891 section 7),
   * with even letters one that may compare them, and one that had trouble of its own (SERVFAIL), which often passes. The later
   * answer is given, if it comes and says as much about the name.
   */
  async ask<T extends { readonly message: DnsMessage }>(exchange: (manner: Manner) => Promise<T>): Promise<T> {
    const now = this.#clock.monotonic();
    const [plain, even] = [now < this.#plainUntil, now < this.#evenUntil];
    const first = await exchange({ plain, even });
    const { rcode } = first.message;
    const stumbles = !plain && stumblesOverEdns(first.message);
    const isOpen = rcode === 'NXDOMAIN' || (rcode !== 'NOERROR' && this.#vain < vainCopies);
    const mindsLetters = !even && isOpen && this.#mayMindLetters();
    if (!stumbles && !mindsLetters && rcode !== 'SERVFAIL') return first;
    try {
      const second = await exchange({ plain: plain || stumbles, even: even || mindsLetters });
      if (stumbles && isAboutTheName(second.message)) this.#learn();
      if (mindsLetters) this.#noteLetters(rcode, second.message.rcode);
      return isAboutTheName(first.message) && !isAboutTheName(second.message) ? first : second;
    } catch {
      return first;
    }
  }

  #noteLetters(mixed: string, even: string): void {
    if (even !== 'NOERROR') this.#vain += mixed === 'NXDOMAIN' ? 0 : 1;
    // Trouble that passes looks alike.
    else if (mixed !== 'SERVFAIL') this.#evenUntil = this.#clock.monotonic() + plainFor;
  }

  /** A question put in the first manner was answered; or was not, while its copy in the second one was. */
  note(first: Manner, answered: Manner): void {
    const isCopy = first.plain !== answered.plain || first.even !== answered.even;
    this.#silent = isCopy ? this.#silent + 1 : 0;
    if (this.#silent < telling) return;
    if (answered.even) this.#evenUntil = this.#clock.monotonic() + plainFor;
    if (answered.plain) this.#learn();
    this.#silent = 0;
  }

  #learn(): void {
    this.#silent = 0;
    this.#plainUntil = this.#clock.monotonic() + plainFor;
  }
}

function stumblesOverEdns({ edns, rcode }: DnsMessage): boolean {
  if (rcode === 'FORMERR' || rcode === 'BADVERS') return true;
  return edns === undefined && (rcode === 'NOTIMP' || rcode === 'SERVFAIL' || rcode === 'REFUSED');
}
