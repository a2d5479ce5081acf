/** The policies that are always there. */
import { unreachable } from '../base/unreachable.ts';
import type { BuiltInPolicy } from '../contract/proxy-config.ts';
import type { Outbound } from './dialer.ts';
import { DirectOutbound } from './direct.ts';
import type { OutboundServices } from './outbound-types.ts';
import { PassOutbound } from './refusing.ts';
import { RejectOutbound } from './reject.ts';

export function builtIn(name: BuiltInPolicy, services: OutboundServices): Outbound {
  switch (name) {
    case 'DIRECT':
    case 'COMPATIBLE':
      return new DirectOutbound(name, services);
    case 'REJECT':
      return new RejectOutbound(name, { drop: false, clock: services.clock });
    case 'REJECT-DROP':
      return new RejectOutbound(name, { drop: true, clock: services.clock });
    case 'PASS':
    case 'PASS-RULE':
      return new PassOutbound(name);
    default:
      return unreachable(name);
  }
}

/** What kind of policy it is, where kinds are shown. */
export function builtInKind(name: BuiltInPolicy): string {
  return name === 'COMPATIBLE' ? 'direct' : name.toLowerCase();
}
