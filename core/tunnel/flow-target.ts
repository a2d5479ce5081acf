/** What an outbound is asked to dial for a flow: its name, or the address that the application chose. */
import { parseIp } from '../base/address.ts';
import { mayBePublicHost } from '../base/special-names.ts';
import type { Endpoint } from '../contract/flow.ts';
import { isPrivateAddress } from '../dns/names/private-address.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { Outbound } from '../outbound/dialer.ts';
import type { DispatchPolicy } from './name-search.ts';

/**
 * The name, but where it is looked up here the real address that the application chose itself, if it did. A name that was guessed or
 * sniffed is no reason to go to another address. The other side gets the address too where it cannot know the name: one of the
 * network, and what the first bytes claim if no public host can have it or the address is private.
 */
export async function findTarget(
  { destination, originalDestination, domainSource, fakeIp }: Metadata,
  { resolvesAt }: Pick<Outbound, 'resolvesAt'>,
  policy: Pick<DispatchPolicy, 'addressInNetwork' | 'isOfNetwork'>,
  signal: AbortSignal,
): Promise<Endpoint> {
  const { host, port } = destination;
  const found = domainSource === 'sniffed' || domainSource === 'redir-host';
  const hasAddress = found && fakeIp === undefined;
  if (resolvesAt === 'here') return hasAddress ? originalDestination : destination;
  if (parseIp(host) !== undefined) return destination;
  if (!hasAddress) {
    const address = await policy.addressInNetwork(host, signal);
    return address === undefined ? destination : { host: address, port };
  }
  const isHint = domainSource === 'sniffed';
  const isUseless = isHint && !(mayBePublicHost(host) && !isPrivateAddress(originalDestination.host));
  return isUseless || policy.isOfNetwork(host) ? originalDestination : destination;
}
