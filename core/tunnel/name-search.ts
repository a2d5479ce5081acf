/** Whether the first bytes of a flow are worth a look, and the look itself: bounded in time, and without taking a byte. */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { mayBePublicHost } from '../base/special-names.ts';
import { unreachable } from '../base/unreachable.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { HeldFlow } from '../inbound/inbound.ts';
import { sniff } from '../sniff/sniff.ts';
import type { Sniffed, SniffProtocol } from '../sniff/sniffed.ts';
import { protocolsOf, type Sniffer } from '../sniff/sniffer.ts';
import type { Enriched, FakeIpView } from './enrich.ts';
import type { FlowPolicy } from './policy.ts';

export type FoundName = Extract<Sniffed, { kind: 'name' }>;

/** A policy that can say whether a name matters. */
export interface DispatchPolicy extends FlowPolicy {
  readonly sniffer: Sniffer;
  /** Where the aliases of `hosts` lead from this name; the name itself without any. Nobody else knows them. */
  nameBehind(name: string): string;
  /** Whether only the network this machine is in may know this name, as far as is known. */
  isOfNetwork(name: string): boolean;
  /**
   * The address that this network has for a name of its own; undefined for names that are not. Rejects with DIAL_NAME_NOT_FOUND
   * where it has none.
   */
  addressInNetwork(name: string, signal: AbortSignal): Promise<Ip | undefined>;
  readonly rules: FlowPolicy['rules'] & {
    /** What a flow to a bare address takes; `certain` when no name could change it. */
    byAddress(metadata: Metadata): { readonly policy: string; readonly certain: boolean };
  };
}

/** What to look for, and which of the names that may be found is taken. */
export interface NameSearch {
  readonly protocols: readonly SniffProtocol[];
  readonly takes: (found: FoundName) => boolean;
}

/** Here the server speaks first: to wait for the client costs time and finds nothing. */
const serverFirst = new Set([21, 22, 23, 25, 110, 143, 587, 3306, 5900]);

/** Undefined when a look cannot matter: every look costs the truth about refused connections (the flow is accepted for it). */
export function searchFor(
  enriched: Enriched,
  policy: DispatchPolicy,
  fakeIp: Pick<FakeIpView, 'couldMean'>,
): NameSearch | undefined {
  const { metadata } = enriched;
  const { sniffer } = policy;
  if (!sniffer.mayLook(metadata.source.host, metadata.originalDestination.host)) return undefined;
  const believed = (takes: (found: FoundName) => boolean) => (found: FoundName) =>
    sniffer.believes(found.name) && takes(found);
  const everything = protocolsOf(metadata.network);
  const here = sniffer.protocolsAt(metadata.network, metadata.destination.port);
  const atPort = (takes: (found: FoundName) => boolean): NameSearch | undefined =>
    here.length === 0 ? undefined : { protocols: here, takes: believed(takes) };
  switch (enriched.kind) {
    case 'unknown':
      // An outer name is better than nothing. What no host can have never had a fake address.
      return { protocols: everything, takes: believed(({ name }) => mayBePublicHost(name)) };
    case 'mapped':
      if (enriched.doubtful && !serverFirst.has(metadata.destination.port))
        return { protocols: everything, takes: believed(({ name }) => fakeIp.couldMean(enriched.fakeIp, name)) };
      return sniffer.isForced(metadata.destination.host) ? atPort(isInner) : undefined;
    case 'guessed':
      // A name of the network is dialled by its address, whatever the bytes say. Half a name is no better than the guess.
      return sniffer.isForced(metadata.destination.host) ||
        nameMatters(policy, metadata, !policy.isOfNetwork(metadata.destination.host))
        ? atPort((found) => isInner(found) && found.name.includes('.'))
        : undefined;
    case 'plain':
      // A name that the application said itself is no address that rules would know.
      if (metadata.domainSource !== undefined || !sniffer.enabled) return undefined;
      return nameMatters(policy, metadata, false) ? atPort(() => true) : undefined;
    default:
      return unreachable(enriched);
  }
}

function isInner({ outer }: FoundName): boolean {
  return outer !== true;
}

/** Whether rules, or a dial by name where `dialsByName`, could come out otherwise for another name. */
function nameMatters({ rules, policies }: DispatchPolicy, metadata: Metadata, dialsByName: boolean): boolean {
  const { domainSource: _, ...rest } = metadata;
  const { policy, certain } = rules.byAddress({ ...rest, destination: metadata.originalDestination });
  return !certain || (dialsByName && policies.route(policy)?.outbound.resolvesAt === 'there');
}

export interface SearchOutcome {
  readonly found: FoundName | undefined;
  /** Whether the client sent anything, or has ended, before the time was over. */
  readonly spoke: boolean;
}

/**
 * Looks at what the client sends until a name is there, none can come, or `timeoutMs` are over. The bytes stay where they
 * are. Nothing is found also when the flow has ended.
 */
export async function search(
  flow: HeldFlow,
  { protocols, takes }: NameSearch,
  clock: Clock,
  timeoutMs: number,
): Promise<SearchOutcome> {
  let spoke = false;
  const deadline = clock.monotonic() + timeoutMs;
  for (let atLeast = 1; ; ) {
    const left = Math.ceil(deadline - clock.monotonic());
    if (left <= 0) return { found: undefined, spoke };
    const peeked = await flow.peek(atLeast, left).catch(() => undefined);
    if (peeked === undefined) return { found: undefined, spoke: true };
    spoke ||= peeked.reason !== 'timeout' || peeked.chunks.some((chunk) => chunk.length > 0);
    const sniffed = sniff(peeked.chunks, protocols);
    if (sniffed.kind === 'name') return { found: takes(sniffed) ? sniffed : undefined, spoke };
    if (sniffed.kind === 'none' || peeked.reason !== 'bytes') return { found: undefined, spoke };
    atLeast = Math.max(sniffed.atLeast, atLeast + 1);
  }
}
