/** An outbound as a group with `disable-udp` sees it: everything but UDP. */
import type { FlowPlan } from '../flow/dial-plan.ts';
import type { DialOptions, Outbound } from './dialer.ts';

export function withoutUdp(outbound: Outbound): Outbound {
  if (!outbound.carriesUdp) return outbound;
  return {
    tag: outbound.tag,
    way: outbound.way,
    resolvesAt: outbound.resolvesAt,
    carriesUdp: false,
    ...(outbound.passes === undefined ? {} : { passes: outbound.passes }),
    ...(outbound.refusal === undefined ? {} : { refusal: outbound.refusal }),
    plan(to, network, ...rest): Promise<FlowPlan> {
      if (network === 'udp') return Promise.resolve({ kind: 'reject', how: 'reset' });
      return outbound.plan(to, network, ...rest);
    },
    dialStream: (to, options: DialOptions) => outbound.dialStream(to, options),
  };
}
