/** Batches as the data plane makes and reads them (native/index.d.ts). */
import type { DnsBatch } from '../../../core/dns/dns-batch.ts';

const headBytes = 48;

/** Questions by UDP from `source` to 198.18.0.2:53; the token of a message is its place. */
export function batchOf(messages: readonly Uint8Array[], source: readonly number[] = [192, 168, 1, 7]): DnsBatch {
  const questions = Buffer.alloc(messages.reduce((sum, message) => sum + headBytes + message.length, 0));
  let at = 0;
  for (const message of messages) {
    questions.writeUInt32LE(message.length, at);
    questions[at + 4] = 17;
    questions[at + 5] = source.length === 4 ? 4 : 6;
    questions.writeUInt16LE(40_000, at + 6);
    questions.writeUInt16LE(53, at + 8);
    questions.set(source, at + 16);
    questions.set([198, 18, 0, 2], at + 32);
    questions.set(message, at + headBytes);
    at += headBytes + message.length;
  }
  return { firstToken: 0, count: messages.length, questions };
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
