/** Batches as the data plane makes and reads them (native/index.d.ts). */
import type { DnsBatch } from '../../../../core/dns/router/dns-batch.ts';
import type { DnsServer } from '../../../../core/dns/server/dns-server.ts';

const headBytes = 48;

export interface AskOptions {
  /** 4 or 16 bytes. */
  readonly source?: readonly number[];
  readonly network?: 'udp' | 'tcp';
  readonly firstToken?: number;
}

/** Questions to 198.18.0.2:53; the token of a message is its place behind `firstToken`. */
export function batchOf(messages: readonly Uint8Array[], options: AskOptions = {}): DnsBatch {
  const { source = [192, 168, 1, 7], network = 'udp', firstToken = 0 } = options;
  const questions = Buffer.alloc(messages.reduce((sum, message) => sum + headBytes + message.length, 0));
  let at = 0;
  for (const message of messages) {
    questions.writeUInt32LE(message.length, at);
    questions[at + 4] = network === 'tcp' ? 6 : 17;
    questions[at + 5] = source.length === 4 ? 4 : 6;
    questions.writeUInt16LE(40_000, at + 6);
    questions.writeUInt16LE(53, at + 8);
    questions.set(source, at + 16);
    questions.set([198, 18, 0, 2], at + 32);
    questions.set(message, at + headBytes);
    at += headBytes + message.length;
  }
  return { firstToken, count: messages.length, questions };
}

/** Token and message of each answer. */
export function readAnswers(answers: Uint8Array): [token: number, message: Uint8Array][] {
  const view = new DataView(answers.buffer, answers.byteOffset, answers.byteLength);
  const read: [number, Uint8Array][] = [];
  for (let at = 0; at < answers.length; ) {
    const length = view.getUint32(at + 8, true);
    read.push([view.getFloat64(at, true), answers.slice(at + 12, at + 12 + length)]);
    at += 12 + length;
  }
  return read;
}

/** The answer to one message; undefined when none comes for so long. */
export async function answerOne(
  server: Pick<DnsServer, 'answerBatch'>,
  message: Uint8Array,
  { patienceMs = 5_000, ...options }: AskOptions & { readonly patienceMs?: number } = {},
): Promise<Uint8Array | undefined> {
  const outcome = Promise.withResolvers<Uint8Array | undefined>();
  server.answerBatch(batchOf([message], options), (answers) => outcome.resolve(readAnswers(answers)[0]?.[1]));
  const given = setTimeout(() => outcome.resolve(undefined), patienceMs);
  return await outcome.promise.finally(() => clearTimeout(given));
}
