/**
 * What of a server's answer belongs to its question. A server may only speak about the asked name and where its aliases lead;
 * whatever else it puts beside would poison caches, ours and those behind us (RFC 2181 section 5.4.1, RFC 5452 section 6).
 */
import { isWithinDomain, normaliseDomain } from '../../base/domain.ts';
import { type DnsMessage, type DnsRecord, isEncodableName } from '../../net/dns-message.ts';
import { recordTypeNumber } from '../../net/dns-record-type.ts';
import type { Question } from './resolver.ts';

/** Longer ones are a loop, or not worth following. */
const longestChain = 32;
/** Types that stand for several ones: 128 to 255 are for questions only (RFC 6895 section 3.1). */
const questionTypes = { first: 128, last: 255 } as const;
const cnameType = 5;
const dnameType = 39;
/** Proofs of a denial; their owners are other names of the zone (RFC 4035 section 3.1.3, RFC 5155). */
const proofs: ReadonlySet<string> = new Set(['NSEC', 'NSEC3', 'RRSIG']);

/**
 * The same answer with its aliases first, in the order in which they lead from the asked name, then what they lead to. The
 * alias that a DNAME stands for is added where it is missing (RFC 6672 section 3.1). Additional records are left out: who wants
 * their addresses is to ask for them, and gets those that its rules want. Undefined when all answers are about other names.
 */
export function scrubbed(message: DnsMessage, question: Question): DnsMessage | undefined {
  const records = message.answers.filter(isOfInternet);
  const { aliases, ends } = chainOf(records, question);
  const answers = [...aliases, ...records.filter((record) => ends(record))];
  if (message.answers.length > 0 && answers.length === 0 && !message.answers.some(isAbout(question.name)))
    return undefined;
  const names = [question.name, ...aliases.flatMap(targetOf)];
  const authorities = message.authorities.filter(
    (record) =>
      isOfInternet(record) &&
      (proofs.has(record.type) || names.some((one) => isWithin(one, normaliseDomain(record.name)))),
  );
  return { ...message, answers, authorities, additionals: [] };
}

/**
 * Whether a server only points to others, as one does that does not serve the zone and asks nobody (RFC 2308 section 2.2): it says
 * nothing about the name.
 */
export function isReferral({ rcode, answers, authoritative, authorities }: DnsMessage): boolean {
  if (rcode !== 'NOERROR' || answers.length > 0 || authoritative) return false;
  return authorities.some(({ type }) => type === 'NS') && !authorities.some(({ type }) => type === 'SOA');
}

interface Chain {
  /** CNAME and DNAME records with their signatures, in order. */
  readonly aliases: readonly DnsRecord[];
  /** Whether a record is one of those that the aliases lead to. */
  readonly ends: (record: DnsRecord) => boolean;
}

function chainOf(records: readonly DnsRecord[], { name, type }: Question): Chain {
  const number = recordTypeNumber(type) ?? 0;
  const standsForOthers = number >= questionTypes.first && number <= questionTypes.last;
  const byOwner = Map.groupBy(records.filter(isAlias), (record) => normaliseDomain(record.name));
  const zones = new Set(
    records.filter((record) => record.type === 'DNAME').map((record) => normaliseDomain(record.name)),
  );
  const aliases = new Set<DnsRecord>();
  /** How many aliases lead to each name. */
  const seen = new Map<string, number>();
  let end = name;
  const follows = type !== 'CNAME' && !standsForOthers;
  while (!seen.has(end) && seen.size < (follows ? longestChain : 0)) {
    const owner = end;
    seen.set(owner, aliases.size);
    const zone = [...zones].find((one) => one !== owner && isWithin(owner, one));
    // Once each: one that leads into its own zone never ends.
    if (zone !== undefined) zones.delete(zone);
    const above = zone === undefined ? [] : (byOwner.get(zone) ?? []).filter(isOf('DNAME', dnameType));
    for (const record of above) aliases.add(record);
    const here = (byOwner.get(owner) ?? []).filter(isOf('CNAME', cnameType));
    const cname = here.find((record) => record.type === 'CNAME') ?? substituted(owner, zone, above);
    if (cname === undefined || typeof cname.data !== 'string') break;
    aliases.add(cname);
    for (const record of here) if (record.type === 'RRSIG') aliases.add(record);
    end = normaliseDomain(cname.data);
  }
  // Some zones have both an alias and an address of one name (against RFC 1034 section 3.6.2): whatever there is of use counts.
  const hasAnswer = (owner: string): boolean => {
    return records.some((record) => record.type === type && normaliseDomain(record.name) === owner);
  };
  const last = hasAnswer(end) ? undefined : [...seen].findLast(([owner]) => hasAnswer(owner));
  const [place, length] = last ?? [end, aliases.size];
  const kept = [...aliases].slice(0, length);
  const ends = (record: DnsRecord): boolean => {
    if (aliases.has(record) || normaliseDomain(record.name) !== place) return false;
    return standsForOthers || record.type === type || record.type === 'RRSIG' || record.type === 'SIG';
  };
  return { aliases: kept, ends };
}

/** RFC 6672 section 2.2; undefined without a DNAME above, and for a name that would be too long. */
function substituted(owner: string, zone: string | undefined, above: readonly DnsRecord[]): DnsRecord | undefined {
  const dname = above.find((record) => record.type === 'DNAME');
  if (zone === undefined || typeof dname?.data !== 'string') return undefined;
  const prefix = zone === '' ? owner : owner.slice(0, -zone.length - 1);
  const data = dname.data === '.' ? prefix : `${prefix}.${dname.data}`;
  return isEncodableName(data) ? { name: owner, type: 'CNAME', ttl: dname.ttl, data } : undefined;
}

/** Nobody asks for another class. */
const isOfInternet = (record: DnsRecord): boolean => record.class === undefined;
const isAlias = ({ type }: DnsRecord): boolean => type === 'CNAME' || type === 'DNAME' || type === 'RRSIG';
const isAbout =
  (name: string) =>
  (record: DnsRecord): boolean =>
    normaliseDomain(record.name) === name;
/** Of this type, or a signature over it: what it covers is its first field (RFC 4034 section 3.1). */
const isOf =
  (type: string, number: number) =>
  (record: DnsRecord): boolean =>
    record.type === type ||
    (record.type === 'RRSIG' && record.data instanceof Uint8Array && record.data[0] === 0 && record.data[1] === number);

function targetOf({ type, data }: DnsRecord): string[] {
  return type === 'CNAME' && typeof data === 'string' ? [normaliseDomain(data)] : [];
}

/** `isWithinDomain`, where everything is within the root. */
function isWithin(name: string, zone: string): boolean {
  return zone === '' || isWithinDomain(name, zone);
}
