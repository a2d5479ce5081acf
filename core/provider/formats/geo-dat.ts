/**
 * `geosite.dat` and `geoip.dat`: a list of lists, each with a code (https://github.com/v2fly/v2ray-core, `common.proto`). Only the
 * lists that are wanted are read; the place of each is found by its length.
 */
import { comparableDomain } from '../../base/domain.ts';
import { addressBits } from './address-bits.ts';
import { FormatError, notReadable } from './format-error.ts';
import { fieldsOf } from './protobuf.ts';
import type { SetWriter } from './set-writer.ts';
import type { WorkLimit } from './work-limit.ts';

interface CodedList {
  readonly start: number;
  readonly end: number;
}

/** Lists of a file; attributes of an entry; bytes of what it matches. */
const maxLists = 100_000;
const maxAttributes = 100;
const maxValueBytes = 4_096;

/** Types of the entries of a site list. */
const siteTypes = { keyword: 0, regex: 1, suffix: 2, full: 3 } as const;

/** The lists of a file by their codes in lower case, unread. Throws `FormatError`. */
export function listsOf(file: Buffer): Map<string, CodedList> {
  const lists = new Map<string, CodedList>();
  for (const field of fieldsOf(file)) {
    if (field.kind !== 'bytes' || field.number !== 1) throw notReadable('not a list of geodata', field.offset);
    const code = codeOf(file, field.start, field.end);
    if (code === undefined) throw notReadable('a list without a code', field.offset);
    if (lists.size >= maxLists) throw new FormatError('TOO_LARGE', `more than ${maxLists} lists`, field.offset);
    lists.set(code, { start: field.start, end: field.end });
  }
  return lists;
}

function codeOf(file: Buffer, start: number, end: number): string | undefined {
  for (const field of fieldsOf(file, start, end)) {
    if (field.number !== 1 || field.kind !== 'bytes') continue;
    const code = file.toString('utf8', field.start, Math.min(field.end, field.start + 256)).toLowerCase();
    return code === '' ? undefined : code;
  }
  return undefined;
}

/** Adds the entries of a list of `geosite.dat` that have all of these attributes (in lower case). Throws `FormatError`. */
export function readSiteList(
  file: Buffer,
  list: CodedList,
  attributes: readonly string[],
  writer: SetWriter,
  work: WorkLimit,
): void {
  work.spend(list.end - list.start, list.start);
  for (const field of fieldsOf(file, list.start, list.end)) {
    if (field.number === 2 && field.kind === 'bytes') readSite(file, field.start, field.end, attributes, writer);
  }
}

function readSite(file: Buffer, start: number, end: number, wanted: readonly string[], writer: SetWriter): void {
  let type = 0;
  let value = '';
  const has = new Set<string>();
  for (const field of fieldsOf(file, start, end)) {
    if (field.number === 1 && field.kind === 'number') type = field.value;
    else if (field.number === 2 && field.kind === 'bytes') value = valueOf(file, field.start, field.end);
    else if (field.number === 3 && field.kind === 'bytes') has.add(codeOf(file, field.start, field.end) ?? '');
    if (has.size > maxAttributes) throw notReadable(`more than ${maxAttributes} attributes`, field.offset);
  }
  if (!wanted.every((attribute) => has.has(attribute))) return;
  if (value === '') throw notReadable('an entry without a value', start);
  switch (type) {
    case siteTypes.keyword:
      return writer.addRule(`DOMAIN-KEYWORD,${value}`);
    case siteTypes.regex:
      return writer.addRule(`DOMAIN-REGEX,${value}`);
    case siteTypes.suffix:
      return writer.addName(comparableDomain(value), true, true);
    case siteTypes.full:
      return writer.addName(comparableDomain(value), true, false);
    default:
      throw notReadable(`an entry of the unknown type ${type}`, start);
  }
}

function valueOf(file: Buffer, start: number, end: number): string {
  if (end - start > maxValueBytes) throw notReadable(`an entry of more than ${maxValueBytes} bytes`, start);
  return file.toString('utf8', start, end);
}

/** Adds the prefixes of a list of `geoip.dat`. Throws `FormatError`. */
export function readAddressList(file: Buffer, list: CodedList, writer: SetWriter, work: WorkLimit): void {
  work.spend(list.end - list.start, list.start);
  for (const field of fieldsOf(file, list.start, list.end)) {
    if (field.number === 3 && field.kind === 'number' && field.value !== 0)
      throw notReadable('a list that means everything else', field.offset);
    if (field.number === 2 && field.kind === 'bytes') readPrefix(file, field.start, field.end, writer);
  }
}

function readPrefix(file: Buffer, start: number, end: number, writer: SetWriter): void {
  let address: Buffer | undefined;
  let prefix = 0;
  for (const field of fieldsOf(file, start, end)) {
    if (field.number === 1 && field.kind === 'bytes') address = file.subarray(field.start, field.end);
    else if (field.number === 2 && field.kind === 'number') prefix = field.value;
  }
  const bits = address && addressBits(address);
  if (address === undefined || bits === undefined) throw notReadable('not an address', start);
  const length = prefix - (address.length === 16 && bits.family === 4 ? 96 : 0);
  const host = (bits.family === 4 ? 32 : 128) - length;
  if (length < 0 || host < 0) throw notReadable(`a prefix of ${prefix} bits`, start);
  const first = (bits.value >> BigInt(host)) << BigInt(host);
  writer.addCidr({ family: bits.family, first, last: first + (1n << BigInt(host)) - 1n });
}
