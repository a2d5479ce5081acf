/** A flow of a proxy on this machine, or in a container behind it, goes DIRECT, whatever the rules say: else it would come back to it. */

import type { ProcessInfo } from '../contract/flow.ts';
import { directPolicy } from '../contract/proxy-config.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { LoopGuard } from './loop-guard.ts';
import type { Decision, FlowPolicy } from './policy.ts';

/** Undefined for every other flow. The process is looked up only where a server of ours runs on this machine. */
export async function loopDecision(
  { inbound, source }: Metadata,
  { ownServers, policies }: Pick<FlowPolicy, 'ownServers' | 'policies'>,
  loopGuard: LoopGuard,
  findProcess: () => Promise<ProcessInfo | undefined>,
): Promise<Decision | undefined> {
  const direct = (payload: string): Decision | undefined => {
    const route = policies.route(directPolicy);
    return route && { rule: { index: -1, type: 'LOOP-GUARD', payload, policy: directPolicy }, route };
  };
  if (inbound === 'tun' && ownServers.isProxyBehind(source.host)) return direct(source.host);
  const servers = ownServers.all();
  if (servers.length === 0) return undefined;
  const process = await findProcess();
  if (process === undefined || !(await loopGuard.isProxyProcess(process, servers))) return undefined;
  return direct(process.name);
}
