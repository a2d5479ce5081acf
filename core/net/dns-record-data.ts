/**
 * The data of DNS records between bytes and values. Only what is needed is taken apart: names and addresses, MX, SRV and SOA.
 * Everything else stays bytes; names in it are uncompressed where a server may have compressed them (RFC 3597 section 4).
 */
import { bytesToIp, ipFamily, ipToBytes, numberToIpv4, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { decodeName, encodeName } from './dns-name.ts';

export interface MailExchange {
  readonly preference: number;
  readonly exchange: string;
}

export interface ServiceLocation {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export interface StartOfAuthority {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  /** Seconds, as the following. */
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

/** Where data is written to: plain bytes, and names that may be compressed. */
export interface DataWriter {
  bytes(data: Uint8Array): unknown;
  /** `compress` only for the types of RFC 1035 (RFC 3597 section 4). */
  name(name: string, compress: boolean): unknown;
}

/** Fixed bytes, then names; what is left behind them is bytes. */
interface Layout {
  readonly before: number;
  readonly names: 1 | 2;
}

/** By number: the types of RFC 1035 that hold names, and those that RFC 3597 section 4 lists, RRSIG and NSEC to be liberal. */
const layouts: ReadonlyMap<number, Layout> = new Map([
  [3, { before: 0, names: 1 }], // MD
  [4, { before: 0, names: 1 }], // MF
  [7, { before: 0, names: 1 }], // MB
  [8, { before: 0, names: 1 }], // MG
  [9, { before: 0, names: 1 }], // MR
  [14, { before: 0, names: 2 }], // MINFO
  [17, { before: 0, names: 2 }], // RP
  [18, { before: 2, names: 1 }], // AFSDB
  [21, { before: 2, names: 1 }], // RT
  [24, { before: 18, names: 1 }], // SIG
  [26, { before: 2, names: 2 }], // PX
  [30, { before: 0, names: 1 }], // NXT
  [36, { before: 2, names: 1 }], // KX
  [46, { before: 18, names: 1 }], // RRSIG
  [47, { before: 0, names: 1 }], // NSEC
]);
const naptr = 35;
const one = new Set(['CNAME', 'NS', 'PTR', 'DNAME']);

/** Reads the data of a record between two offsets of its message; undefined for what is malformed. Never throws. */
export function decodeData(bytes: Uint8Array, type: string, number: number, start: number, end: number): unknown {
  if (type === 'A') return end - start === 4 ? numberToIpv4(view(bytes).getUint32(start)) : undefined;
  if (type === 'AAAA') return end - start === 16 ? addressText(bytes.subarray(start, end)) : undefined;
  if (one.has(type)) return nameUpTo(bytes, start, end);
  if (type === 'MX') return decodeMx(bytes, start, end);
  if (type === 'SRV') return decodeSrv(bytes, start, end);
  if (type === 'SOA') return decodeSoa(bytes, start, end);
  const layout = number === naptr ? naptrLayout(bytes, start, end) : layouts.get(number);
  const plain = layout === undefined ? undefined : uncompressed(bytes, start, end, layout);
  // What is not as its type says is the asker's to judge.
  return plain ?? bytes.slice(start, end);
}

/** Writes what `decodeData` has read, or a value of the same form. Throws DNS_BAD_MESSAGE for anything else. */
export function encodeData(type: string, data: unknown, out: DataWriter): void {
  if (data instanceof Uint8Array) return void out.bytes(data);
  if (typeof data === 'string' && (type === 'A' || type === 'AAAA')) return void out.bytes(addressBytes(type, data));
  if (typeof data === 'string' && one.has(type)) return void out.name(data, type !== 'DNAME');
  if (type === 'MX' && isMx(data)) {
    out.bytes(words(data.preference));
    return void out.name(data.exchange, true);
  }
  if (type === 'SRV' && isSrv(data)) {
    out.bytes(words(data.priority, data.weight, data.port));
    return void out.name(data.target, false);
  }
  if (type === 'SOA' && isSoa(data)) {
    out.name(data.mname, true);
    out.name(data.rname, true);
    return void out.bytes(longs(data.serial, data.refresh, data.retry, data.expire, data.minimum));
  }
  throw new AppError('DNS_BAD_MESSAGE', `this is not the data of a record of type ${type}`);
}

export function isSoa(data: unknown): data is StartOfAuthority {
  return isObject(data) && 'mname' in data && 'rname' in data && 'minimum' in data;
}

function isMx(data: unknown): data is MailExchange {
  return isObject(data) && 'preference' in data && 'exchange' in data;
}

function isSrv(data: unknown): data is ServiceLocation {
  return isObject(data) && 'priority' in data && 'target' in data;
}

const isObject = (data: unknown): data is object => typeof data === 'object' && data !== null;

function decodeMx(bytes: Uint8Array, start: number, end: number): MailExchange | undefined {
  const exchange = start + 2 < end ? nameUpTo(bytes, start + 2, end) : undefined;
  return exchange === undefined ? undefined : { preference: view(bytes).getUint16(start), exchange };
}

function decodeSrv(bytes: Uint8Array, start: number, end: number): ServiceLocation | undefined {
  const target = start + 6 < end ? nameUpTo(bytes, start + 6, end) : undefined;
  if (target === undefined) return undefined;
  const fields = view(bytes);
  const [priority, weight, port] = [start, start + 2, start + 4].map((at) => fields.getUint16(at));
  return { priority: priority ?? 0, weight: weight ?? 0, port: port ?? 0, target };
}

function decodeSoa(bytes: Uint8Array, start: number, end: number): StartOfAuthority | undefined {
  const mname = decodeName(bytes, start, end);
  const rname = mname && decodeName(bytes, mname.end, end);
  if (mname === undefined || rname === undefined || rname.end + 20 !== end) return undefined;
  const fields = view(bytes);
  const at = rname.end;
  return {
    mname: mname.text,
    rname: rname.text,
    serial: fields.getUint32(at),
    refresh: fields.getUint32(at + 4),
    retry: fields.getUint32(at + 8),
    expire: fields.getUint32(at + 12),
    minimum: fields.getUint32(at + 16),
  };
}

/** NAPTR (RFC 3403): order, preference, three strings, a name. */
function naptrLayout(bytes: Uint8Array, start: number, end: number): Layout | undefined {
  let position = start + 4;
  for (let i = 0; i < 3; i++) position += 1 + (bytes[position] ?? 0);
  return position < end ? { before: position - start, names: 1 } : undefined;
}

function uncompressed(
  bytes: Uint8Array,
  start: number,
  end: number,
  { before, names }: Layout,
): Uint8Array | undefined {
  let position = start + before;
  if (position > end) return undefined;
  const parts = [bytes.subarray(start, position)];
  for (let i = 0; i < names; i++) {
    const name = decodeName(bytes, position, end);
    const plain = name && encodeName(name.text);
    if (plain === undefined) return undefined;
    parts.push(plain);
    position = name?.end ?? end;
  }
  parts.push(bytes.subarray(position, end));
  return Uint8Array.from(Buffer.concat(parts));
}

/** The name that fills the place from `start` to `end`. */
function nameUpTo(bytes: Uint8Array, start: number, end: number): string | undefined {
  const name = decodeName(bytes, start, end);
  return name?.end === end ? name.text : undefined;
}

/** Not the mapped form of `Ip`: what the server wrote goes on as it is. */
function addressText(bytes: Uint8Array): string {
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  const ip = bytesToIp(bytes);
  return isMapped ? `::ffff:${ip}` : ip;
}

function addressBytes(type: string, text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined || (type === 'A' && ipFamily(ip) === 6))
    throw new AppError('DNS_BAD_MESSAGE', `"${text}" is not an address for a record of type ${type}`);
  const bytes = ipToBytes(ip);
  if (type === 'A' || bytes.length === 16) return bytes;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes);
}

function words(...values: number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 255]));
}

function longs(...values: number[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap((value) => [value >>> 24, value >>> 16, value >>> 8, value].map((n) => n & 255)),
  );
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
