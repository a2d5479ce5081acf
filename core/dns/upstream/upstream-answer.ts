/** Whether bytes from an upstream are the answer to our question: what RFC 5452 section 9.1 asks to be compared. */
import { normaliseDomain } from '../../base/domain.ts';
import { decodeMessage } from '../../net/dns-decoder.ts';
import { encodeMessage } from '../../net/dns-encoder.ts';
import { type DnsMessage, type Edns, queryFor, safeUdpSize } from '../../net/dns-message.ts';
import { isReferral, scrubbed } from '../resolver/answer-scrubber.ts';
import type { Question } from '../resolver/resolver.ts';

export type UpstreamAnswer =
  | { readonly kind: 'answer'; readonly message: DnsMessage }
  /** Somebody else's, an old one, or a forged one: go on waiting. */
  | { readonly kind: 'foreign' }
  /** The right id, but not to be understood. */
  | { readonly kind: 'bad'; readonly reason: string };

const ourEdns: Edns = { udpSize: safeUdpSize, version: 0, dnssecOk: false };

/** How questions to one server are asked. */
export interface QuestionOptions {
  /** Without EDNS for servers that do not know it (RFC 6891 section 7). */
  readonly plain?: boolean;
  /** Prefix told as the client's (RFC 7871). */
  readonly clientSubnet?: string;
}

/** `sent` is the name in another case of its letters. */
export function encodeQuestion(
  question: Question,
  id: number,
  options: QuestionOptions = {},
  sent: string = question.name,
): Uint8Array {
  const { plain = false, clientSubnet } = options;
  const { type, dnssecOk = false, checkingDisabled = false, authenticData = false } = question;
  const edns = { ...ourEdns, dnssecOk, ...(clientSubnet === undefined ? {} : { clientSubnet }) };
  return encodeMessage({ ...queryFor(id, sent, type, plain ? undefined : edns), checkingDisabled, authenticData });
}

/** The sender's address and port are the socket's concern. */
export function readAnswer(
  bytes: Uint8Array,
  question: Question,
  id: number,
  by: 'datagram' | 'connection',
): UpstreamAnswer {
  const decoded = decodeMessage(bytes);
  const header = decoded.ok ? decoded.message : decoded.header;
  if (header === undefined || header.id !== id || !header.response || header.opcode !== 0) return { kind: 'foreign' };
  if (!decoded.ok) return { kind: 'bad', reason: decoded.reason };
  const { message } = decoded;
  const [asked] = message.questions;
  // Servers that do not know EDNS may leave the question out when they refuse (RFC 6891 section 7), and some always do. What
  // a datagram says about the name has to say which: its letters are what a forger does not know.
  const isRefusal = message.rcode !== 'NOERROR' && message.rcode !== 'NXDOMAIN';
  if (asked === undefined && (isRefusal || by === 'connection')) return believed(message, question);
  if (asked === undefined) return { kind: 'bad', reason: 'it does not repeat the question' };
  const same =
    message.questions.length === 1 &&
    asked.type === question.type &&
    asked.class === 1 &&
    normaliseDomain(asked.name) === question.name;
  return same ? believed(message, question) : { kind: 'foreign' };
}

/** A server that only points to others has failed: others may know the name. */
function believed(message: DnsMessage, question: Question): UpstreamAnswer {
  if (isReferral(message)) return { kind: 'answer', message: { ...message, rcode: 'SERVFAIL', authorities: [] } };
  const own = scrubbed(message, question);
  return own === undefined ? { kind: 'bad', reason: 'it is about other names' } : { kind: 'answer', message: own };
}
