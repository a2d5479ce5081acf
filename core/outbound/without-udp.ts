/** An outbound as a group with `disable-udp` sees it: everything but UDP. */
import type { FlowPlan } from '../flow/dial-plan.ts';
import type { DialOptions, Outbound } from './dialer.ts';

export function withoutUdp(outbound: Outbound): Outbound {
  return {
    tag: outbound.tag,
    get way() {
      return outbound.way;
    },
    get resolvesAt() {
      return outbound.resolvesAt;
    },
    carriesUdp: false,
    get links() {
      return outbound.links;
    },
    get refusal() {
      return outbound.refusal;
    },
    ...(outbound.passes === undefined ? {} : { passes: outbound.passes }),
    plan(to, network, ...rest): Promise<FlowPlan> {
      if (network === 'udp') return Promise.resolve({ kind: 'reject', how: 'reset' });
      return outbound.plan(to, network, ...rest);
    },
    dialStream: (to, options: DialOptions) => outbound.dialStream(to, options),
  };
}
