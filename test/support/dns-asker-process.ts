/**
 * A program that asks a DNS server by UDP and remembers every answer, driven by `DnsAsker`: `dns-asker-process.ts SERVER PATIENCE SOURCE`.
 * Commands are lines of JSON on the standard input; each has one line as its answer. A question without an answer is asked again.
 */
import dgram from 'node:dgram';
import readline from 'node:readline';
import { decodeMessage } from '../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { addressOf, queryFor } from '../../core/net/dns-message.ts';
import type { AskerCommand, AskerRecord, AskReport, StreamNews } from './dns-asker.ts';

const server = process.argv[2] ?? '127.0.0.1';
/** Unanswered for so long, a question counts as lost. Milliseconds. */
const patience = Number(process.argv[3]);
/** Questions of a stream that may be open, and how many are sent in a millisecond at most. */
const streamWindow = 64;
const streamPace = 16;

interface Open {
  readonly name: string;
  readonly at: number;
  readonly answered: (text: string, ms: number) => void;
  readonly lost: () => void;
}

const open = new Map<number, Open>();
let lastId = 0;
const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
socket.on('error', () => undefined); // nobody there: the answer does not come
socket.bind(0, process.argv[4]);
socket.on('message', (bytes) => {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok || !decoded.message.response) return;
  const { message } = decoded;
  const question = open.get(message.id);
  if (question === undefined || message.questions[0]?.name !== question.name) return;
  open.delete(message.id);
  question.answered(textOf(message), performance.now() - question.at);
});

function textOf(message: Extract<ReturnType<typeof decodeMessage>, { ok: true }>['message']): string {
  const [first] = message.answers;
  if (message.rcode !== 'NOERROR' || first === undefined) return `!${message.rcode}`;
  return addressOf(first) ?? String(first.data);
}

function send(name: string, type: string, answered: Open['answered'], lost: Open['lost']): void {
  do lastId = (lastId + 1) & 0xffff;
  while (open.has(lastId));
  open.set(lastId, { name, at: performance.now(), answered, lost });
  socket.send(encodeMessage(queryFor(lastId, name, type, undefined)), 53, server, () => undefined);
}

setInterval(() => {
  const late = performance.now() - patience;
  for (const [id, question] of open) {
    if (question.at > late) break;
    open.delete(id);
    question.lost();
  }
}, 20);

/** Each question until it is answered, `window` at once. */
function ask({ names, type, window }: Extract<AskerCommand, { do: 'ask' }>): Promise<AskReport> {
  const answers: string[] = [];
  const times: number[] = [];
  let lost = 0;
  let next = 0;
  let left = names.length;
  return new Promise((resolve) => {
    const done = () => {
      times.sort((a, b) => a - b);
      resolve({
        answers,
        lost,
        p50: times[times.length >> 1] ?? 0,
        p99: times[Math.floor(times.length * 0.99)] ?? 0,
      });
    };
    const one = (i: number): void => {
      const name = names[i];
      if (name === undefined) return;
      send(
        name,
        type,
        (text, ms) => {
          answers[i] = text;
          times.push(ms);
          left -= 1;
          if (left === 0) done();
          else one(next++);
        },
        () => {
          lost += 1;
          one(i);
        },
      );
    };
    if (left === 0) done();
    while (next < Math.min(window, names.length)) one(next++);
  });
}

/** Asks without end: half for names that were not answered yet, as far as it is allowed to, half for any asked before. */
class Stream {
  readonly #prefix: string;
  #allowed = 0;
  #fresh = 0;
  readonly #retry: number[] = [];
  readonly #openFresh = new Set<number>();
  readonly #seen = new Map<number, Set<string>>();
  #news: AskerRecord[] = [];
  #answered = 0;
  #lost = 0;
  #waiting: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#timer = setInterval(() => this.#more(), 1);
  }

  allow(names: number): void {
    this.#allowed = names;
  }

  /** Resolves with the next answer. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  news(): StreamNews {
    const news = this.#news;
    this.#news = [];
    return { news, answered: this.#answered, lost: this.#lost, open: open.size, openFresh: [...this.#openFresh] };
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #more(): void {
    for (let i = 0; i < streamPace && open.size < streamWindow; i++) {
      const isFresh = i % 2 === 0 && (this.#retry.length > 0 || this.#fresh < this.#allowed);
      if (isFresh) this.#ask(this.#retry.shift() ?? this.#fresh++);
      else if (this.#fresh > 0) this.#ask(Math.floor(Math.random() * this.#fresh));
    }
  }

  #ask(name: number): void {
    const isFresh = !this.#seen.has(name);
    if (isFresh) this.#openFresh.add(name);
    send(
      `${this.#prefix}${name}.example`,
      'A',
      (text) => this.#note(name, text),
      () => {
        this.#lost += 1;
        if (this.#openFresh.delete(name)) this.#retry.push(name);
      },
    );
  }

  #note(name: number, text: string): void {
    this.#answered += 1;
    this.#openFresh.delete(name);
    const known = this.#seen.get(name) ?? new Set();
    if (!known.has(text)) this.#news.push([name, text]);
    this.#seen.set(name, known.add(text));
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const told of waiting) told();
  }
}

let stream: Stream | undefined;

async function obey(command: AskerCommand): Promise<unknown> {
  switch (command.do) {
    case 'ask':
      return await ask(command);
    case 'stream':
      stream = new Stream(command.prefix);
      return {};
    case 'allow':
      stream?.allow(command.names);
      return {};
    case 'next':
      await stream?.next();
      return {};
    case 'news':
      return stream?.news();
    case 'end':
      stream?.end();
      return {};
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own driver wrote it
  const { serial, command } = JSON.parse(line) as { serial: number; command: AskerCommand };
  void obey(command).then((result) => process.stdout.write(`${JSON.stringify({ serial, result })}\n`));
});
