/** Finds the name behind an address, before anything else looks at a flow: behind a fake one for certain, behind a real one as a guess. */
import { type Ip, parseIp } from '../base/address.ts';
import type { Metadata } from '../flow/metadata.ts';

/** What flows need of the fake-IP pool. */
export interface FakeIpView {
  /** Whether an address belongs to the fake range, mapped or not. */
  contains(ip: Ip): boolean;
  /** `doubtful`: a program may hold the address as another name's. */
  lookup(ip: Ip): { readonly name: string; readonly doubtful: boolean } | undefined;
  /** Whether a program may hold this address as that name's. */
  couldMean(ip: Ip, name: string): boolean;
  /** A flow came to an address without a mapping: nobody else may get it meanwhile. */
  unknownConnected(ip: Ip): void;
  /** A flow to the address begins; `flowClosed` is called once for it, with `ok`, an error code, or nothing when the dial had no outcome. */
  flowOpened(ip: Ip): void;
  flowClosed(ip: Ip, outcome: string): void;
}

/** The names under which real addresses were answered. */
export interface AddressNames {
  lookup(ip: Ip): string | undefined;
}

export type Enriched =
  /** By name as the application said it, or to a bare address. */
  | { readonly kind: 'plain'; readonly metadata: Metadata }
  /** `fakeIp` is the address whose mapping the flow uses. */
  | { readonly kind: 'mapped'; readonly metadata: Metadata; readonly fakeIp: Ip; readonly doubtful: boolean }
  /** A fake address that means nothing (any more). */
  | { readonly kind: 'unknown'; readonly metadata: Metadata; readonly address: Ip }
  /** A real address that was answered for this name; other names may have it too. */
  | { readonly kind: 'guessed'; readonly metadata: Metadata };

export function enrich(metadata: Metadata, fakeIp: FakeIpView, names: AddressNames): Enriched {
  const address = parseIp(metadata.destination.host);
  if (address === undefined) return { kind: 'plain', metadata };
  const { port } = metadata.destination;
  if (!fakeIp.contains(address)) {
    const host = names.lookup(address);
    if (host === undefined) return { kind: 'plain', metadata };
    return { kind: 'guessed', metadata: { ...metadata, destination: { host, port }, domainSource: 'redir-host' } };
  }
  const mapping = fakeIp.lookup(address);
  if (mapping === undefined) return { kind: 'unknown', metadata: { ...metadata, fakeIp: address }, address };
  const { name: host, doubtful } = mapping;
  const known: Metadata = { ...metadata, destination: { host, port }, domainSource: 'fake-ip', fakeIp: address };
  return { kind: 'mapped', metadata: known, fakeIp: address, doubtful };
}
