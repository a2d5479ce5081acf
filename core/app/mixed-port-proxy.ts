/** Our own mixed port as a proxy for what this process downloads: then the rules decide how it goes. */
import { isUnspecified } from '../base/address.ts';
import type { Config } from '../contract/config.ts';
import type { Snapshot } from '../contract/status.ts';
import type { HttpProxy } from '../provider/download/http-request.ts';

/** Undefined while it does not listen, or is another user's: then downloads go directly (in Enhanced Mode by the rules as well). */
export function mixedPortProxy(snapshot: Snapshot | undefined, config: Config | undefined): HttpProxy | undefined {
  if (snapshot?.mixed == null || !snapshot.mine) return undefined;
  const { address, port } = snapshot.mixed;
  const [credentials] = config?.mixed?.users ?? [];
  const host = isUnspecified(address) ? (address.includes(':') ? '::1' : '127.0.0.1') : address;
  return { host, port, ...(credentials === undefined ? {} : { credentials }) };
}
