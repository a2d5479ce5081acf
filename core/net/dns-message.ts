/**
 * DNS messages (RFC 1035, EDNS of RFC 6891) as values: a safe wrapper around `dns-packet` that never throws on foreign
 * bytes, keeps the case of names, and knows the record types by their names.
 */
import library, { type Answer, decode, encode, type Packet, type PacketOpt, type Question } from 'dns-packet';
import { type Ip, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { decodeName, encodeName } from './dns-name.ts';
import { recordTypeName, recordTypeNumber } from './dns-record-type.ts';
import { findWireProblem } from './dns-wire-check.ts';

export interface DnsQuestion {
  /** As received, without the trailing dot; `.` is the root. */
  readonly name: string;
  /** `A`, `HTTPS`, ... or `TYPE123`. */
  readonly type: string;
  /** 1 is IN. */
  readonly class: number;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /** Text for A, AAAA, CNAME, NS, PTR; an object for MX, SOA, SRV, ...; bytes for types that are not taken apart. */
  readonly data: unknown;
}

export interface Edns {
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  /** Prefix of the client told to the server (RFC 7871), as `192.0.2.0/24`; in questions of ours only. */
  readonly clientSubnet?: string;
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  /** 0 is QUERY. */
  readonly opcode: number;
  /** `NOERROR`, `NXDOMAIN`, ... or `RCODE12`. */
  readonly rcode: string;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additionals: readonly DnsRecord[];
  readonly edns?: Edns;
}

export type DecodedMessage =
  | { readonly ok: true; readonly message: DnsMessage }
  /** `header` when the first 12 bytes are there: enough to say FORMERR. */
  | { readonly ok: false; readonly reason: string; readonly header?: DnsMessage };

export const maxTcpMessage = 65_535;
/** What fits without EDNS (RFC 1035 section 4.2.1). */
export const plainUdpSize = 512;
/** What every path of an MTU of 1280 carries unfragmented; offered and honoured at most. */
export const safeUdpSize = 1232;

const rcodes = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
];
const badVersion = 16; // RFC 6891 section 9
const bit = { qr: 0x8000, aa: 0x400, tc: 0x200, rd: 0x100, ra: 0x80, ad: 0x20, cd: 0x10 } as const;
const dnssecOkBit = 0x8000;

/** What the library calls for every name, in questions, owners and data. */
interface NameCodec {
  encode: ((name: string, buffer?: Buffer, offset?: number) => Buffer) & { bytes: number };
  decode: ((buffer: Buffer, offset?: number) => string) & { bytes: number };
  encodingLength: (name: string) => number;
}

/** The library's own codec knows text only and would change other bytes; it has one, which ours takes the place of. */
function useOwnNames(codec: NameCodec): void {
  const bytesOf = (name: string): Uint8Array => {
    const bytes = encodeName(name);
    if (bytes === undefined) throw new AppError('DNS_BAD_MESSAGE', `"${name}" is no name that DNS can carry`);
    return bytes;
  };
  codec.encodingLength = (name) => bytesOf(name).length;
  codec.encode = Object.assign(
    (name: string, buffer?: Buffer, offset = 0): Buffer => {
      const bytes = bytesOf(name);
      const out = buffer ?? Buffer.alloc(bytes.length);
      out.set(bytes, offset);
      codec.encode.bytes = bytes.length;
      return out;
    },
    { bytes: 0 },
  );
  codec.decode = Object.assign(
    (buffer: Buffer, offset = 0): string => {
      const name = decodeName(buffer, offset);
      if (name === undefined) throw new AppError('DNS_BAD_MESSAGE', 'a name is malformed');
      codec.decode.bytes = name.end - offset;
      return name.text;
    },
    { bytes: 0 },
  );
}
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the library's types leave its codecs out
useOwnNames((library as unknown as { name: NameCodec }).name);

/** Reads a message of unknown origin. Never throws; time is linear in its length. */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  if (bytes.length < 12) return { ok: false, reason: 'shorter than a header' };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(buffer);
  const problem = findWireProblem(bytes);
  if (problem !== undefined) return { ok: false, reason: problem, header };
  try {
    return { ok: true, message: fromPacket(header, decode(buffer), buffer) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error), header };
  }
}

/**
 * Writes a message of at most `maxBytes`: a longer one keeps question and EDNS and sets TC. Throws DNS_BAD_MESSAGE for
 * a name that no message can carry.
 */
export function encodeMessage(message: DnsMessage, maxBytes: number = maxTcpMessage): Uint8Array {
  for (const { name } of [...message.questions, ...message.answers, ...message.authorities, ...message.additionals]) {
    if (!isEncodableName(name)) throw new AppError('DNS_BAD_MESSAGE', `"${name}" is no name that DNS can carry`);
  }
  const bytes = encodeWhole(message);
  if (bytes.length <= maxBytes) return bytes;
  return encodeWhole({ ...message, truncated: true, answers: [], authorities: [], additionals: [] });
}

/**
 * The header of a response to `query` with the question as it was asked, and nothing in it yet. The DO bit is clear: no answer
 * of ours has signatures, and a validating client that saw the bit would take that for a forgery (RFC 3225 section 3).
 */
export function responseTo(query: DnsMessage, rcode: string): DnsMessage {
  return {
    id: query.id,
    response: true,
    opcode: query.opcode,
    rcode,
    authoritative: false,
    truncated: false,
    recursionDesired: query.recursionDesired,
    recursionAvailable: true,
    authenticData: false,
    checkingDisabled: query.checkingDisabled,
    questions: query.questions,
    answers: [],
    authorities: [],
    additionals: [],
    ...(query.edns === undefined ? {} : { edns: { udpSize: safeUdpSize, version: 0, dnssecOk: false } }),
  };
}

/** A recursive question of ours, class IN. */
export function queryFor(id: number, name: string, type: string, edns: Edns | undefined): DnsMessage {
  return {
    id,
    response: false,
    opcode: 0,
    rcode: 'NOERROR',
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    questions: [{ name: name === '' ? '.' : name, type, class: 1 }],
    answers: [],
    authorities: [],
    additionals: [],
    ...(edns === undefined ? {} : { edns }),
  };
}

/** Labels of 1 to 63 bytes, 255 in all on the wire, a trailing dot allowed, escapes as in RFC 1035 section 5.1; `.` is the root. */
export function isEncodableName(name: string): boolean {
  return name !== '' && encodeName(name) !== undefined;
}

/** The address of an A or AAAA record, canonical; undefined for other records. */
export function addressOf(record: DnsRecord): Ip | undefined {
  if (record.type !== 'A' && record.type !== 'AAAA') return undefined;
  return typeof record.data === 'string' ? parseIp(record.data) : undefined;
}

function readHeader(buffer: Buffer): DnsMessage {
  const flags = buffer.readUInt16BE(2);
  return {
    id: buffer.readUInt16BE(0),
    response: (flags & bit.qr) !== 0,
    opcode: (flags >> 11) & 15,
    rcode: rcodeName(flags & 15),
    authoritative: (flags & bit.aa) !== 0,
    truncated: (flags & bit.tc) !== 0,
    recursionDesired: (flags & bit.rd) !== 0,
    recursionAvailable: (flags & bit.ra) !== 0,
    authenticData: (flags & bit.ad) !== 0,
    checkingDisabled: (flags & bit.cd) !== 0,
    questions: [],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

function fromPacket(header: DnsMessage, packet: Packet, buffer: Buffer): DnsMessage {
  const opt = packet.additionals?.find((record) => record.type === 'OPT');
  const questions: DnsQuestion[] = [];
  let offset = 12;
  for (const question of packet.questions ?? []) {
    // The class is read from the bytes: the decoder has names for five of them only.
    offset = endOfPlaceName(buffer, offset) + 4;
    questions.push({
      name: question.name,
      type: fromLibraryType(question.type),
      class: buffer.readUInt16BE(offset - 2),
    });
  }
  return {
    ...header,
    questions,
    answers: fromAnswers(packet.answers),
    authorities: fromAnswers(packet.authorities),
    additionals: fromAnswers(packet.additionals),
    ...(opt?.type === 'OPT'
      ? {
          rcode: rcodeName((opt.extendedRcode << 4) | (buffer.readUInt16BE(2) & 15)),
          edns: { udpSize: opt.udpPayloadSize, version: opt.ednsVersion, dnssecOk: opt.flag_do },
        }
      : {}),
  };
}

/** Above the greatest one it is 0 (RFC 2181 section 8). */
function readTtl(ttl = 0): number {
  return ttl > 0x7fff_ffff ? 0 : ttl;
}

function fromAnswers(answers: readonly Answer[] = []): DnsRecord[] {
  return answers.flatMap((answer) =>
    answer.type === 'OPT'
      ? []
      : [{ name: answer.name, type: fromLibraryType(answer.type), ttl: readTtl(answer.ttl), data: answer.data }],
  );
}

function encodeWhole(message: DnsMessage): Uint8Array {
  const rcode = rcodeNumber(message.rcode);
  const additionals = message.additionals.map(toAnswer);
  if (message.edns !== undefined) {
    additionals.push({
      type: 'OPT',
      name: '.',
      udpPayloadSize: message.edns.udpSize,
      extendedRcode: rcode >> 4,
      ednsVersion: message.edns.version,
      flags: message.edns.dnssecOk ? dnssecOkBit : 0,
      flag_do: message.edns.dnssecOk,
      options: message.edns.clientSubnet === undefined ? [] : [clientSubnetOption(message.edns.clientSubnet)],
    });
  }
  const bytes = encode({
    id: message.id,
    type: message.response ? 'response' : 'query',
    flags:
      (message.opcode << 11) |
      (message.authoritative ? bit.aa : 0) |
      (message.truncated ? bit.tc : 0) |
      (message.recursionDesired ? bit.rd : 0) |
      (message.recursionAvailable ? bit.ra : 0) |
      (message.authenticData ? bit.ad : 0) |
      (message.checkingDisabled ? bit.cd : 0) |
      (rcode & 15),
    questions: message.questions.map(toQuestion),
    answers: message.answers.map(toAnswer),
    authorities: message.authorities.map(toAnswer),
    additionals,
  });
  let offset = 12;
  for (const question of message.questions) {
    offset = endOfPlaceName(bytes, offset) + 4;
    bytes.writeUInt16BE(question.class, offset - 2);
  }
  return bytes;
}

function clientSubnetOption(prefix: string): PacketOpt {
  const [ip = '', length = '0'] = prefix.split('/');
  return { code: 8, family: ip.includes(':') ? 2 : 1, sourcePrefixLength: Number(length), scopePrefixLength: 0, ip };
}

const toQuestion = (question: DnsQuestion): Question =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the library's types know fewer records than its code
  ({ name: question.name, type: toLibraryType(question.type) }) as Question;

const toAnswer = (record: DnsRecord): Answer =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above; data is what the decoder gave, or text
  ({ name: record.name, type: toLibraryType(record.type), ttl: record.ttl, data: record.data }) as Answer;

/** Past a name as it stands in the message: labels up to the root or to a pointer. The bytes were checked before. */
function endOfPlaceName(buffer: Buffer, offset: number): number {
  let position = offset;
  for (;;) {
    const length = buffer[position] ?? 0;
    if (length === 0) return position + 1;
    if (length >= 0xc0) return position + 2;
    position += length + 1;
  }
}

/** The library writes types it has no name for as `UNKNOWN_65`, and encodes names it does not know as type 0. */
function fromLibraryType(type: string): string {
  return type.startsWith('UNKNOWN_') ? recordTypeName(Number(type.slice('UNKNOWN_'.length))) : type;
}

const libraryNames: ReadonlySet<string> = new Set(['SVCB', 'HTTPS']);

function toLibraryType(type: string): string {
  if (!libraryNames.has(type) && !type.startsWith('TYPE')) return type;
  const number = recordTypeNumber(type);
  if (number === undefined) throw new AppError('DNS_BAD_MESSAGE', `"${type}" is no record type`);
  return `UNKNOWN_${number}`;
}

function rcodeName(number: number): string {
  return number === badVersion ? 'BADVERS' : (rcodes[number] ?? `RCODE${number}`);
}

function rcodeNumber(name: string): number {
  if (name === 'BADVERS') return badVersion;
  const index = rcodes.indexOf(name);
  return index >= 0 ? index : Number(name.slice('RCODE'.length)) || 2;
}
