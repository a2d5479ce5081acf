/** The lists of geodata that rules name, to sets in canonical form. Pure: bytes in, sets out. */
import type { SetRuleType } from '../../contract/sets.ts';
import type { GeoFile } from '../../profile/provider-contents.ts';
import { FormatError } from './format-error.ts';
import { listsOf, readAddressList, readSiteList } from './geo-dat.ts';
import { countryCodes, Mmdb, systemNumbers } from './mmdb.ts';
import { type CanonicalSet, SetWriter } from './set-writer.ts';
import { WorkLimit } from './work-limit.ts';

/** A list is read anew for each choice of attributes: bytes that are read to a byte of the file, and what a small one may take. */
const workPerByte = 4;
const leastWork = 16 * 1024 * 1024;

/** A code as rules write it: `cn`, `google@cn`, `!cn`. */
export interface GeoCode {
  readonly code: string;
  readonly attributes: readonly string[];
  readonly inverted: boolean;
}

/** Reads a payload of GEOSITE, GEOIP or IP-ASN. */
export function geoCode(type: Exclude<SetRuleType, 'RULE-SET'>, payload: string): GeoCode {
  const text = payload.trim().toLowerCase();
  const inverted = text.startsWith('!');
  const [code = '', ...attributes] = (inverted ? text.slice(1) : text).split('@').map((part) => part.trim());
  if (type !== 'GEOSITE') return { code: inverted ? text.slice(1) : text, attributes: [], inverted };
  return { code, attributes: attributes.filter((each) => each !== ''), inverted };
}

/**
 * The wanted lists of a file, by the text of their code (`google@cn`). A code that is not there is NOT_LISTED. Throws `FormatError`
 * for a file that is damaged.
 */
export function readGeoFile(
  kind: GeoFile,
  file: Buffer,
  codes: readonly GeoCode[],
): Map<string, CanonicalSet | FormatError> {
  if (kind === 'country' || kind === 'asn') return readMmdb(kind, file, codes);
  const lists = listsOf(file);
  const work = new WorkLimit(Math.max(file.length * workPerByte, leastWork));
  const sets = new Map<string, CanonicalSet | FormatError>();
  for (const wanted of codes) {
    const list = lists.get(wanted.code);
    const writer = new SetWriter(kind === 'geosite' ? 'classical' : 'ipcidr');
    if (list !== undefined && kind === 'geosite') readSiteList(file, list, wanted.attributes, writer, work);
    else if (list !== undefined) readAddressList(file, list, writer, work);
    sets.set(keyOf(wanted), list === undefined ? notListed(wanted) : writer.finish());
  }
  return sets;
}

export function keyOf({ code, attributes }: GeoCode): string {
  return [code, ...attributes].join('@');
}

function readMmdb(
  kind: 'country' | 'asn',
  file: Buffer,
  codes: readonly GeoCode[],
): Map<string, CanonicalSet | FormatError> {
  const writers = new Map(codes.map(({ code }) => [code, new SetWriter('ipcidr')]));
  const codesOf = kind === 'country' ? countryCodes : systemNumbers;
  const wanted = (record: Parameters<typeof codesOf>[0]) => codesOf(record).filter((code) => writers.has(code));
  new Mmdb(file).walk(wanted, (code, range) => writers.get(code)?.addCidr(range));
  return new Map(
    codes.map((wantedCode) => {
      const set = writers.get(wantedCode.code)?.finish();
      return [keyOf(wantedCode), set === undefined || set.entries === 0 ? notListed(wantedCode) : set];
    }),
  );
}

function notListed({ code }: GeoCode): FormatError {
  return new FormatError('NOT_LISTED', `there is no list "${code}"`);
}
