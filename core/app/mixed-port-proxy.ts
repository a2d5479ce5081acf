/** Our own mixed port as a proxy for what this process downloads: then the rules decide how it goes. */
import { isUnspecified } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Config } from '../contract/config.ts';
import type { Snapshot } from '../contract/status.ts';
import { policyCredentials } from '../net/policy-credentials.ts';
import type { HttpProxy } from '../provider/download/http-request.ts';
import type { HelperClient } from './helper-client.ts';

/** Undefined while it does not listen, or is another user's: then downloads go directly (in Enhanced Mode by the rules as well). */
export function mixedPortProxy(snapshot: Snapshot | undefined, config: Config | undefined): HttpProxy | undefined {
  if (snapshot?.mixed == null || !snapshot.mine) return undefined;
  const { address, port } = snapshot.mixed;
  const [credentials] = config?.mixed?.users ?? [];
  const host = isUnspecified(address) ? (address.includes(':') ? '::1' : '127.0.0.1') : address;
  return { host, port, ...(credentials === undefined ? {} : { credentials }) };
}

/** The same for what is to take a policy instead. Rejects as the helper does that is asked for the key. */
export async function policyProxy(
  helper: Pick<HelperClient, 'call'>,
  proxy: HttpProxy | undefined,
  policy: string,
): Promise<HttpProxy | undefined> {
  if (proxy === undefined) return undefined;
  const { key } = await helper.call('getPolicyKey', {});
  return key === null ? proxy : { ...proxy, credentials: policyCredentials(policy, key) };
}

/** It cannot be had now: the download waits. */
export function policyMissing(policy: string): AppError {
  return new AppError('DOWNLOAD_POLICY', `"${policy}", which it is to go through, is not in force`);
}
