/** DNS messages (RFC 1035, EDNS of RFC 6891) as values. Their bytes are `dns-decoder.ts` and `dns-encoder.ts`. */
import { type Ip, parseIp } from '../base/address.ts';
import { encodeName } from './dns-name.ts';

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
  /** Present when it is not IN. */
  readonly class?: number;
  /** Seconds. */
  readonly ttl: number;
  /**
   * Text for A, AAAA, CNAME, DNAME, NS and PTR; an object for MX, SOA and SRV; for every other type its bytes, with names in
   * them uncompressed, so that what we do not know passes through as it came (RFC 3597).
   */
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
/** What every path of an MTU of 1280 carries unfragmented; what we offer to servers and to applications. */
export const safeUdpSize = 1232;
/** The class of nearly everything. */
export const internetClass = 1;
/** Bits of the second word of the header. */
export const headerBit = { qr: 0x8000, aa: 0x400, tc: 0x200, rd: 0x100, ra: 0x80, ad: 0x20, cd: 0x10 } as const;

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
/**
 * The header of a response to `query` with the question as it was asked, and nothing in it yet. The DO bit is copied (RFC 3225
 * section 3), as is CD (RFC 4035 section 3.2.2); AD is clear, for nothing is validated here.
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
    ...(query.edns === undefined ? {} : { edns: { udpSize: safeUdpSize, version: 0, dnssecOk: query.edns.dnssecOk } }),
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

/** Whether an answer says if the name exists; any other code is about the server's own trouble. */
export function isAboutTheName({ rcode }: Pick<DnsMessage, 'rcode'>): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}

/** The address of an A or AAAA record, canonical; undefined for other records. */
export function addressOf(record: DnsRecord): Ip | undefined {
  if (record.type !== 'A' && record.type !== 'AAAA') return undefined;
  return typeof record.data === 'string' ? parseIp(record.data) : undefined;
}

export function rcodeName(number: number): string {
  return number === badVersion ? 'BADVERS' : (rcodes[number] ?? `RCODE${number}`);
}

export function rcodeNumber(name: string): number {
  if (name === 'BADVERS') return badVersion;
  const index = rcodes.indexOf(name);
  return index >= 0 ? index : Number(name.slice('RCODE'.length)) || 2;
}
