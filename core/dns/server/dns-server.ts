/** Turns the bytes of questions into the bytes of their answers and keeps the log. Framing only: `DnsRouter` decides. */
import { formatEndpoint, type Ip, numberToIpv4 } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { normaliseDomain } from '../../base/domain.ts';
import type { Logger } from '../../base/logger.ts';
import type { Endpoint } from '../../contract/flow.ts';
import type { Network } from '../../flow/metadata.ts';
import { decodeMessage } from '../../net/dns-decoder.ts';
import { encodeMessage } from '../../net/dns-encoder.ts';
import { type DnsMessage, type DnsRecord, maxTcpMessage, plainUdpSize, responseTo } from '../../net/dns-message.ts';
import { recordDataText } from '../../net/dns-record-text.ts';
import type { Waiting } from '../fake-ip/allocation-queue.ts';
import { FairPlaces } from '../resolver/fair-places.ts';
import { AnswerBatch, BatchReader, type DnsBatch } from '../router/dns-batch.ts';
import { DnsFastPath, type PlainRouter, plainTypeName } from '../router/dns-fast-path.ts';
import type { PlainQuestion } from '../router/plain-question.ts';
import type { RoutedAnswer } from '../router/routed-answer.ts';
import type { Asker, DnsLog } from './dns-log.ts';
import type { Forwarders } from './forwarders.ts';

/** The part of `DnsRouter` that is needed here. Without `isPlainFake` and what belongs to it, every question is decoded. */
export interface QuestionRouter extends Partial<PlainRouter> {
  answer(query: DnsMessage, client: string, signal: AbortSignal): Promise<RoutedAnswer>;
}

export interface DnsServerOptions {
  readonly router: QuestionRouter;
  readonly log: DnsLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whose share of the fake range a new name counts against; the asker's address without it. */
  readonly clientOf?: (network: Network, source: Endpoint, destination: Endpoint) => string;
  /** Whether a name is one that only we know: it is there, and nobody hears of it. */
  readonly isOurs?: (name: string) => boolean;
  /** Resolvers on this machine whose own questions go out. */
  readonly forwarders?: Forwarders;
}

type Send = (answers: Uint8Array) => void;

/** When questions came (wall clock and monotonic milliseconds) and where their answers go. */
interface Arrival {
  readonly time: number;
  readonly begun: number;
  readonly send: Send;
}

/** Questions that may wait for the router at once. */
const mostWaiting = 1_024;
/** New names that may wait for their mapping. They are counted apart: no upstream keeps them waiting. */
const mostAllocating = 4_096;
/** Bytes of an answer by UDP, if the asker takes so many: askers are on this machine or next to it, where fragments arrive. */
const longestDatagram = 4_096;
/** Characters of an answer in the log. */
const longestAnswer = 500;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #ready = new AnswerBatch();
  /** Answers that were not ready at once, until the end of this turn of the event loop. */
  readonly #late = new Map<Send, AnswerBatch>();
  #router: QuestionRouter;
  #fast: DnsFastPath | undefined;
  #allocating = 0;
  readonly #waiting = new FairPlaces(mostWaiting, 'too many questions wait for their answers');
  /** An answered batch, for the next one to be collected in. */
  #spare: AnswerBatch | undefined;
  readonly #sources = new LastAddress();
  readonly #destinations = new LastAddress();

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#logger = options.logger.child('dns');
    this.#router = options.router;
    this.#fast = fastPathOf(options.router);
  }

  /** Questions from now on are answered by another router (new configuration); those under way end with the old one. */
  setRouter(router: QuestionRouter): void {
    this.#router = router;
    this.#fast = fastPathOf(router);
  }

  /** Ends what is under way; later questions get no answer. */
  stop(): void {
    const reason = new AppError('DNS_IO', 'the DNS server was stopped');
    this.#stopped.abort(reason);
    this.#waiting.endAll(reason);
  }

  /**
   * Answers the questions of a batch: all that are ready at once by one `send`, the others together with whatever else is ready
   * in the same turn of the event loop. Never throws.
   */
  answerBatch(batch: DnsBatch, send: Send): void {
    if (this.#stopped.signal.aborted) return;
    const reader = new BatchReader(batch.questions);
    const forwarders = this.#options.forwarders?.expected === true ? this.#options.forwarders : undefined;
    const arrival: Arrival = { begun: this.#options.clock.monotonic(), time: this.#options.clock.now(), send };
    for (let i = 0; i < batch.count && reader.next(); i++) {
      const token = batch.firstToken + i;
      const { start, end } = reader;
      try {
        // What the fast path answers is asked of nobody, so that nobody has it from us to answer.
        const isElsewhere = forwarders?.mayBeTheirs(this.#destinationText(reader), undefined) === true;
        if (!isElsewhere && this.#fast?.accepts(batch.questions, start, end) === true)
          this.#answerFast(this.#fast, reader, token, arrival);
        else if (forwarders !== undefined)
          void this.#answerUnlessForwarder(forwarders, batch.questions.slice(start, end), reader, token, send);
        else void this.#answerSlow(batch.questions.subarray(start, end), reader, token, send);
      } catch (error) {
        this.#logger.error('a question was not answered', { error: AppError.from(error).message });
      }
    }
    if (!this.#ready.isEmpty) send(this.#ready.take());
  }

  #answerFast(fast: DnsFastPath, reader: BatchReader, token: number, arrival: Arrival): void {
    const { clock, log, clientOf } = this.#options;
    const data = fast.answerKnown(token, arrival.time, this.#ready);
    if (data !== undefined) {
      const asker = log.watched ? this.#askerOf(reader) : undefined;
      const client = this.#clientText(reader);
      const { name, type } = fast.question;
      const ms = clock.monotonic() - arrival.begun;
      log.recordFake(arrival.time, client, name, plainTypeName(type), data, ms, asker);
      return;
    }
    if (this.#allocating >= mostAllocating) {
      void this.#answerSlow(fast.question.message.subarray(reader.start, reader.end), reader, token, arrival.send);
      return;
    }
    const asker = this.#askerOf(reader);
    const client = clientOf?.(asker.network, asker.source, asker.destination) ?? asker.source.host;
    this.#allocating += 1;
    fast.allocate(new NewName(this.#answerNew, fast, token, client, asker, arrival));
  }

  /** Answers a question for a new name when its mapping is durable. */
  readonly #answerNew = (asked: NewName, outcome: number | AppError): void => {
    this.#allocating -= 1;
    const { fast, question, token, asker, arrival } = asked;
    const { clock, log } = this.#options;
    const answer = fast.answerNew(question, token, outcome, this.#lateBatch(arrival.send));
    const { time, begun } = arrival;
    const { name } = question;
    const client = asker.source.host;
    const type = plainTypeName(question.type);
    const ms = clock.monotonic() - begun;
    if (!(answer instanceof AppError)) {
      log.recordFake(time, client, name, type, answer, ms, asker);
      return;
    }
    this.#logger.debug('question', { client, name, type, error: `${answer.code}: ${answer.message}` });
    log.record({ time, client, name, type, verdict: 'error', rcode: 'SERVFAIL', answer: '', ms }, asker);
  };

  async #answerSlow(message: Uint8Array, reader: BatchReader, token: number, send: Send): Promise<void> {
    const asker = this.#askerOf(reader);
    try {
      const answer = await this.#answerDecoded(message, asker);
      if (answer !== undefined) this.#lateBatch(send).add(token, answer);
    } catch (error) {
      this.#logger.error('a question was not answered', { error: AppError.from(error).message });
    }
  }

  /** While a server of ours may be a program of this machine: is it that which asks? */
  async #answerUnlessForwarder(
    forwarders: Forwarders,
    message: Uint8Array,
    reader: BatchReader,
    token: number,
    send: Send,
  ): Promise<void> {
    const asker = this.#askerOf(reader);
    try {
      const decoded = decodeMessage(message);
      const [question] = decoded.ok ? decoded.message.questions : [];
      const mayBeTheirs = forwarders.mayBeTheirs(asker.destination.host, question && normaliseDomain(question.name));
      const standing = mayBeTheirs ? await forwarders.standing(asker) : undefined;
      const answer =
        standing === undefined
          ? await this.#answerDecoded(message, asker)
          : await this.#answerAside(message, asker, standing);
      if (answer !== undefined) this.#lateBatch(send).add(token, answer);
    } catch (error) {
      this.#logger.error('a question was not answered', { error: AppError.from(error).message });
    }
  }

  /** A local resolver asks: its server answers, or nobody when it asks us what we would ask it. */
  async #answerAside(message: Uint8Array, asker: Asker, standing: 'relayed' | 'loop'): Promise<Uint8Array | undefined> {
    const { clock, forwarders } = this.#options;
    const decoded = decodeMessage(message);
    if (!decoded.ok) return undefined;
    const query = decoded.message;
    if (standing === 'loop') {
      const [question] = query.questions;
      const isPlain = question !== undefined && this.#router.isPlainFake?.(question.name) === true;
      return isPlain ? await this.#answerDecoded(message, asker) : encodeMessage(responseTo(query, 'SERVFAIL'));
    }
    const [time, begun] = [clock.now(), clock.monotonic()];
    const upstream = `${asker.network}://${formatEndpoint(asker.destination)}`;
    const record = (answer: Pick<RoutedAnswer, 'message' | 'verdict'>): void => {
      const ms = clock.monotonic() - begun;
      this.#record(query, { ...answer, upstream, upstreamMs: ms }, asker, time, ms);
    };
    try {
      const bytes = await forwarders?.relay(message, asker, this.#stopped.signal);
      const answer = bytes === undefined ? undefined : decodeMessage(bytes);
      if (answer?.ok === true) record({ message: answer.message, verdict: 'real' });
      return bytes;
    } catch (error) {
      this.#logger.debug('a question of a local resolver was not answered', { error: AppError.from(error).message });
      record({ message: responseTo(query, 'SERVFAIL'), verdict: 'error' });
      return undefined;
    }
  }

  /** Where answers go that are ready later; sent at the end of the present turn. After `stop` nothing is sent. */
  #lateBatch(send: Send): AnswerBatch {
    const known = this.#late.get(send);
    if (known !== undefined) return known;
    const batch = this.#spare ?? new AnswerBatch();
    this.#spare = undefined;
    this.#late.set(send, batch);
    setImmediate(() => {
      this.#late.delete(send);
      const answers = batch.take();
      this.#spare = batch;
      if (!this.#stopped.signal.aborted) send(answers);
    });
    return batch;
  }

  #clientText(reader: BatchReader): Ip {
    const source4 = reader.source4;
    return source4 < 0 ? reader.source.host : this.#sources.text(source4);
  }

  #destinationText(reader: BatchReader): Ip {
    const { destination4 } = reader;
    return destination4 < 0 ? reader.destination.host : this.#destinations.text(destination4);
  }

  #askerOf(reader: BatchReader): Asker {
    const { network, source4, destination4 } = reader;
    if (source4 < 0 || destination4 < 0) return { network, source: reader.source, destination: reader.destination };
    return {
      network,
      source: { host: this.#sources.text(source4), port: reader.sourcePort },
      destination: { host: this.#destinations.text(destination4), port: reader.destinationPort },
    };
  }

  /**
   * The answer to one message without length prefix, or undefined for what deserves none (no header, a response, after
   * `stop`). Never rejects. By UDP it fits what the asker can take, or says TC; by TCP it is whole.
   */
  async #answerDecoded(bytes: Uint8Array, asker: Asker): Promise<Uint8Array | undefined> {
    const { source, network, destination } = asker;
    const signal = this.#stopped.signal;
    const decoded = decodeMessage(bytes);
    const query = decoded.ok ? decoded.message : decoded.header;
    if (query === undefined || query.response || signal.aborted) return undefined;
    if (!decoded.ok) {
      this.#logger.debug('malformed question', { client: source.host, reason: decoded.reason });
      return encodeMessage(responseTo(query, query.opcode === 0 ? 'FORMERR' : 'NOTIMP'));
    }
    if (this.#options.isOurs?.(query.questions[0]?.name.toLowerCase() ?? '') === true)
      return encodeMessage(responseTo(query, 'NOERROR'));
    const begun = this.#options.clock.monotonic();
    const time = this.#options.clock.now();
    const client = this.#options.clientOf?.(network, source, destination);
    const answer = await this.#route(query, client ?? source.host);
    if (signal.aborted) return undefined;
    const encoded = this.#encode(query, answer, network);
    this.#record(query, encoded.answer, asker, time, this.#options.clock.monotonic() - begun);
    return encoded.bytes;
  }

  async #route(query: DnsMessage, client: string): Promise<RoutedAnswer> {
    const life = new AbortController();
    const leave = this.#waiting.take(client, life);
    try {
      return await this.#router.answer(query, client, life.signal);
    } finally {
      leave();
    }
  }

  #encode(query: DnsMessage, answer: RoutedAnswer, network: Network): { bytes: Uint8Array; answer: RoutedAnswer } {
    const asked = Math.max(plainUdpSize, query.edns?.udpSize ?? plainUdpSize);
    const limit = network === 'tcp' ? maxTcpMessage : Math.min(asked, longestDatagram);
    try {
      return { bytes: encodeMessage(answer.message, limit), answer };
    } catch (error) {
      this.#logger.warning('an answer cannot be encoded', {
        name: query.questions[0]?.name,
        error: AppError.from(error).message,
      });
      const failed: RoutedAnswer = { ...answer, message: responseTo(query, 'SERVFAIL'), verdict: 'error' };
      return { bytes: encodeMessage(failed.message), answer: failed };
    }
  }

  #record(query: DnsMessage, answer: RoutedAnswer, asker: Asker, time: number, ms: number): void {
    const [question] = query.questions;
    const row = {
      time,
      client: asker.source.host,
      name: question?.name ?? '',
      type: question?.type ?? '',
      verdict: answer.verdict,
      rcode: answer.message.rcode,
      answer: answerText(answer.message.answers),
      ...(answer.upstream === undefined ? {} : { upstream: answer.upstream }),
      ...(answer.upstreamMs === undefined ? {} : { upstreamMs: answer.upstreamMs }),
      ms,
    };
    this.#options.log.record(row, asker);
  }
}

function fastPathOf(router: QuestionRouter): DnsFastPath | undefined {
  return isPlainRouter(router) ? new DnsFastPath(router) : undefined;
}

function isPlainRouter(router: Partial<PlainRouter>): router is PlainRouter {
  return router.isPlainFake !== undefined && router.generation !== undefined && router.pool !== undefined;
}

/** The chain of aliases, then what it leads to: `real.example > 192.0.2.1, 192.0.2.2`. */
function answerText(answers: readonly DnsRecord[]): string {
  const aliases = answers.filter((record) => record.type === 'CNAME').map(recordDataText);
  const data = answers.filter((record) => record.type !== 'CNAME').map(recordDataText);
  return [...aliases, ...(data.length === 0 ? [] : [data.join(', ')])].join(' > ').slice(0, longestAnswer);
}

/** A question for a name that has no address yet, from its reading to its answer. */
class NewName implements Waiting {
  readonly fast: DnsFastPath;
  readonly question: PlainQuestion;
  readonly token: number;
  readonly client: string;
  readonly asker: Asker;
  readonly arrival: Arrival;
  readonly #settled: (asked: NewName, outcome: number | AppError) => void;

  /** The question is the one that `fast` has read last. */
  constructor(
    settled: (asked: NewName, outcome: number | AppError) => void,
    fast: DnsFastPath,
    token: number,
    client: string,
    asker: Asker,
    arrival: Arrival,
  ) {
    this.fast = fast;
    this.question = fast.question.keep();
    this.token = token;
    this.client = client;
    this.asker = asker;
    this.arrival = arrival;
    this.#settled = settled;
  }

  get name(): string {
    return this.question.name;
  }

  settle(outcome: number | AppError): void {
    this.#settled(this, outcome);
  }
}

/** Makes the text of an IPv4 address, unless it is the one before: most questions come from one asker. */
class LastAddress {
  #number = -1;
  #text = '';

  text(number: number): Ip {
    if (number !== this.#number) {
      this.#number = number;
      this.#text = numberToIpv4(number);
    }
    return this.#text;
  }
}
