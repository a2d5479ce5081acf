/** Finds the name behind a fake address, before anything else looks at a flow. */
import { type Ip, parseIp } from '../base/address.ts';
import type { Metadata } from '../flow/metadata.ts';

/** What the dispatcher needs of the fake-IP pool. */
export interface FakeIpView {
  /** Whether an address belongs to the fake range, mapped or not. */
  contains(ip: Ip): boolean;
  lookup(ip: Ip): { readonly name: string } | undefined;
  /** A flow to the address begins; `flowClosed` is called once for it, with `ok`, an error code, or nothing when the dial had no outcome. */
  flowOpened(ip: Ip): void;
  flowClosed(ip: Ip, outcome: string): void;
}

export type Enriched =
  /** `fakeIp` is the address whose mapping the flow uses. */
  | { readonly kind: 'known'; readonly metadata: Metadata; readonly fakeIp?: Ip }
  | { readonly kind: 'unknown'; readonly metadata: Metadata; readonly address: Ip };

export function enrich(metadata: Metadata, fakeIp: FakeIpView): Enriched {
  const address = parseIp(metadata.destination.host);
  if (address === undefined || !fakeIp.contains(address)) return { kind: 'known', metadata };
  const mapping = fakeIp.lookup(address);
  if (mapping === undefined) return { kind: 'unknown', metadata, address };
  const destination = { host: mapping.name, port: metadata.destination.port };
  return { kind: 'known', metadata: { ...metadata, destination, domainSource: 'fake-ip' }, fakeIp: address };
}
