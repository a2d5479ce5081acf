/** What outbounds are made with where nothing is dialled. */
import { systemClock } from '../../core/base/clock.ts';
import type { OutboundServices } from '../../core/outbound/outbound-types.ts';

const refuse = (): never => {
  throw new Error('nothing is dialled here');
};

export const dialNothing: OutboundServices = {
  egress: new Proxy(Object.create(null), { get: () => refuse }),
  resolver: { resolve: refuse },
  proxyServers: { resolve: refuse },
  isFake: () => false,
  isNear: () => false,
  clock: systemClock,
  timeoutMs: 1,
};
