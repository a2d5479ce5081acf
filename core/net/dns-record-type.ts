/** Names and numbers of DNS record types (IANA registry), in the spelling that people use: HTTPS, not a number. */

const numbers: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  SIG: 24,
  KEY: 25,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  HIP: 55,
  CDS: 59,
  CDNSKEY: 60,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
  TA: 32_768,
  DLV: 32_769,
};
/** The pseudo record of EDNS (RFC 6891). */
export const optType = 41;
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));

/** The type's name, or `TYPE123` (RFC 3597) for one without. */
export function recordTypeName(number: number): string {
  return names.get(number) ?? `TYPE${number}`;
}

/** The number of a name as `recordTypeName` spells it; undefined for anything else. */
export function recordTypeNumber(name: string): number | undefined {
  const known = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
  if (known !== undefined) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(name)?.[1];
  const number = Number(digits);
  return digits !== undefined && number <= 65_535 ? number : undefined;
}

/** Reads a type as people write it (`aaaa`, `type65`) into the one spelling used here; undefined if there is none. */
export function parseRecordType(text: string): string | undefined {
  const number = recordTypeNumber(text.toUpperCase());
  return number === undefined || number === 0 ? undefined : recordTypeName(number);
}
