/** `localhost` and what is below it mean this machine, whatever a resolver says (RFC 6761 section 6.3). */
import type { Ip } from '../base/address.ts';
import { normaliseDomain } from '../base/domain.ts';
import { isLoopbackName } from '../base/special-names.ts';

/** The loopback address of such a name, else undefined. */
export function loopbackOfName(name: string): Ip | undefined {
  return isLoopbackName(normaliseDomain(name)) ? '127.0.0.1' : undefined;
}
