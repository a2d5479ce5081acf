/**
 * Which answers of one plain UDP server are to be believed. An injector on the path sees the question and answers sooner
 * than the server, with the right id, port and question; what gives it away is what the server usually does. Opens nothing.
 */
import { type Ip, ipFamily } from '../../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../../base/cidr.ts';
import { normaliseDomain } from '../../base/domain.ts';
import { specialUseOf } from '../../base/special-names.ts';
import { addressOf, type DnsMessage, isAboutTheName } from '../../net/dns-message.ts';

/**
 * - `own`: it leads into our own range of fake addresses; nobody else can mean these
 * - `edns`: no OPT record, though the question had one (RFC 6891 section 7)
 * - `case`: the letters of the question are not in the case they were sent in
 * - `early`: sooner than half of the shortest round trip known of the server
 * - `unreal`: only addresses that no host on the internet has
 * - `contested`: two different answers to one question came lately, and it is not known yet which of them are the server's
 */
export type Doubt = 'own' | 'edns' | 'case' | 'early' | 'unreal' | 'contested';

/** One answer to one question as it was sent. */
export interface HeardAnswer {
  readonly message: DnsMessage;
  /** The name with its letters as they were sent. */
  readonly sent: string;
  /** Whether the question had an OPT record. */
  readonly edns: boolean;
  /** From the question's departure, milliseconds. */
  readonly ms: number;
}

/**
 * What becomes of a doubted answer when no better one comes: `give` it; `verify` it by TCP and give it when that cannot be
 * had; `refuse`: verify it, and do not give it.
 */
export type DoubtOutcome = 'give' | 'verify' | 'refuse';

/** What was done so often is what the server does. */
const habit = 8;
/** A doubt that nothing came of so often in a row is no doubt at this server. */
const harmless = 3;
/** Round trips that are remembered. */
const remembered = 32;
/** Below, a round trip says nothing: the machine's own pauses are as long. Milliseconds. */
const shortestTelling = 8;
/** How long a better answer is waited for. Milliseconds. */
const grace = { unknown: 400, least: 100, most: 1_000 };

/** "This network", the loopback, reserved; of IPv6 the unspecified and old embedding addresses and Teredo, whose servers are gone. */
const unrealPrefixes = ['0.0.0.0/8', '127.0.0.0/8', '240.0.0.0/4', '::/96', '2001::/32'].flatMap(
  (text) => parseCidr(text) ?? [],
);

export interface AnswerJudgeOptions {
  /** Whether an address is a fake one of ours. */
  readonly isFake: (ip: Ip) => boolean;
  /** Prefixes that are believed of nobody, besides the built-in ones. */
  readonly unreal: readonly Cidr[];
  /** A different answer came to a question that had one already; `given`: the first one was given to who asked. */
  readonly onForged: (told: { readonly name: string; readonly given: boolean }) => void;
}

/** What is known of one server. Everything learnt is forgotten by `reset`. */
export class AnswerJudge {
  readonly #options: AnswerJudgeOptions;
  /** Doubts that a better answer has borne out, and how often in a row nothing came of the others. */
  readonly #proven = new Set<Doubt>();
  readonly #vain = new Map<Doubt, number>();
  #answers = 0;
  #withEdns = 0;
  #withCase = 0;
  #findsMixedNames = false;
  #contested = false;
  readonly #roundTrips: number[] = [];

  constructor(options: AnswerJudgeOptions) {
    this.#options = options;
  }

  /** Whether somebody was seen to forge this server's answers. */
  get contested(): boolean {
    return this.#contested;
  }

  /** Whether a second, different answer is listened for after the first was given: while little is known of the server, and now and then. */
  get listensOn(): boolean {
    return this.#answers < habit || this.#answers % 64 === 0;
  }

  /** Whether it was seen to know EDNS. */
  get knowsEdns(): boolean {
    return this.#withEdns > 0;
  }

  /** Whether it was seen to find a name with letters of both cases. */
  get findsMixedNames(): boolean {
    return this.#findsMixedNames;
  }

  /** Milliseconds that a better answer is waited for after a doubted one. */
  get grace(): number {
    if (this.#contested) return grace.most;
    const trips = this.#roundTrips.toSorted((a, b) => a - b);
    const middle = trips[trips.length >> 1];
    if (middle === undefined || trips.length < habit) return grace.unknown;
    return Math.min(grace.most, Math.max(grace.least, Math.ceil(3 * middle)));
  }

  /** Whether an address in it is a fake one of ours. */
  leadsToUs(message: DnsMessage): boolean {
    return addressesOf(message).some(this.#options.isFake);
  }

  /** Empty = believe it. */
  doubts(heard: HeardAnswer): Doubt[] {
    const { message } = heard;
    // It says nothing but "ask by TCP".
    if (message.truncated) return [];
    const doubts: Doubt[] = [];
    if (this.leadsToUs(message)) doubts.push('own');
    // Servers' own trouble is often told by older or simpler code of theirs, without OPT.
    if (heard.edns && message.edns === undefined && isAboutTheName(message)) doubts.push('edns');
    if (!keepsCase(heard)) doubts.push('case');
    if (this.#isEarly(heard.ms)) doubts.push('early');
    if (this.#isUnreal(heard)) doubts.push('unreal');
    if (this.#contested && this.#roundTrips.length < habit) doubts.push('contested');
    return doubts.filter((doubt) => this.#proven.has(doubt) || (this.#vain.get(doubt) ?? 0) < harmless);
  }

  /** What to do with an answer of these doubts when the grace has passed. */
  outcome(doubts: readonly Doubt[]): DoubtOutcome {
    if (doubts.some((doubt) => doubt === 'own' || this.#proven.has(doubt))) return 'refuse';
    const unusual =
      (doubts.includes('edns') && this.#withEdns >= habit) || (doubts.includes('case') && this.#withCase >= habit);
    return unusual ? 'verify' : 'give';
  }

  /** An answer was believed: it shows what the server does. */
  believe(heard: HeardAnswer): void {
    this.#answers += 1;
    if (heard.message.edns !== undefined) this.#withEdns += 1;
    // A name in lower case by chance shows nothing.
    const isMixed = /[A-Z]/.test(heard.sent);
    if (isMixed && heard.message.answers.length > 0) this.#findsMixedNames = true;
    if (isMixed && heard.message.questions.length > 0 && keepsCase(heard)) this.#withCase += 1;
    this.#time(heard.ms);
  }

  /** Nothing better came than this doubted answer. */
  vain(heard: HeardAnswer, doubts: readonly Doubt[]): void {
    this.#answers += 1;
    for (const doubt of doubts) {
      // It ends of itself, and what leads to us is never harmless.
      if (doubt !== 'contested' && doubt !== 'own') this.#vain.set(doubt, (this.#vain.get(doubt) ?? 0) + 1);
    }
    // The way to the server may have become shorter.
    if (!this.#proven.has('early')) this.#time(heard.ms);
  }

  /**
   * Two different answers came to one question. `first` had these doubts, and `second` these; `given`: the first was given
   * to who asked.
   */
  contradict(name: string, first: readonly Doubt[], second: readonly Doubt[], given: boolean): void {
    // Round trips so far may have been the forger's.
    if (!this.#contested) this.#roundTrips.length = 0;
    this.#contested = true;
    if (second.length === 0) for (const doubt of first) if (doubt !== 'contested') this.#proven.add(doubt);
    for (const doubt of first) this.#vain.delete(doubt);
    this.#options.onForged({ name, given });
  }

  /** Another network: whoever forged there is not here, and other ways are as long as they are. */
  reset(): void {
    this.#proven.clear();
    this.#vain.clear();
    this.#roundTrips.length = 0;
    this.#contested = false;
    this.#answers = 0;
    this.#withEdns = 0;
    this.#withCase = 0;
    this.#findsMixedNames = false;
  }

  #time(ms: number): void {
    this.#roundTrips.push(ms);
    if (this.#roundTrips.length > remembered) this.#roundTrips.shift();
  }

  #isEarly(ms: number): boolean {
    if (this.#roundTrips.length < habit) return false;
    const shortest = Math.min(...this.#roundTrips);
    return shortest >= shortestTelling && ms < shortest / 2;
  }

  #isUnreal({ message, sent }: HeardAnswer): boolean {
    const records = message.answers.filter((record) => addressOf(record) !== undefined);
    if (records.length === 0 || specialUseOf(normaliseDomain(sent)) !== 'ordinary') return false;
    const prefixes = [...unrealPrefixes, ...this.#options.unreal];
    return records.every((record) => {
      const address = addressOf(record) ?? '';
      // A mapped address is never one on the wire (RFC 4291 section 2.5.5.2).
      if (record.type === 'AAAA' && ipFamily(address) === 4) return true;
      return prefixes.some((prefix) => cidrContains(prefix, address));
    });
  }
}

/** Whether two answers say different things: not only other times, another order, or other records beside. */
export function isDifferentAnswer(a: DnsMessage, b: DnsMessage): boolean {
  if (a.rcode !== b.rcode) return true;
  const [one, other] = [dataOf(a), dataOf(b)];
  if (one.size === 0 || other.size === 0) return one.size !== other.size;
  // Servers that give some of many addresses share records; a forger's have nothing of theirs.
  return ![...one].some((data) => other.has(data));
}

function dataOf({ answers }: DnsMessage): Set<string> {
  return new Set(
    answers.map(
      ({ type, data }) => `${type} ${(typeof data === 'string' ? data : JSON.stringify(data)).toLowerCase()}`,
    ),
  );
}

const addressesOf = (message: DnsMessage): Ip[] => message.answers.flatMap((record) => addressOf(record) ?? []);

function keepsCase({ message, sent }: HeardAnswer): boolean {
  const [question] = message.questions;
  return question === undefined || question.name === (sent === '' ? '.' : sent);
}
