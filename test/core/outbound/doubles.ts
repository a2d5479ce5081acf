/** Doubles for what outbounds need: a resolver of fixed names, routes of fixed addresses, an egress that dials loopback. */
import { fileURLToPath } from 'node:url';
import type { Ip } from '../../../core/base/address.ts';
import { AppError } from '../../../core/base/app-error.ts';
import type { AddressResolver, DialOptions } from '../../../core/outbound/dialer.ts';
import { Egress } from '../../../core/outbound/egress.ts';
import type { RouteView } from '../../../core/outbound/socket-opener.ts';
import { loadNative } from '../../../core/system/native.ts';
import { noSockets } from '../../support/no-sockets.ts';

export class NamedAddresses implements AddressResolver {
  /** Every name that was asked for. */
  readonly asked: string[] = [];
  readonly #names: Record<string, Ip[]>;

  constructor(names: Record<string, Ip[]>) {
    this.#names = names;
  }

  resolve(name: string): Promise<Ip[]> {
    this.asked.push(name);
    const found = this.#names[name];
    if (found === undefined) return Promise.reject(new AppError('DIAL_NAME_NOT_FOUND', `there is no ${name}`));
    return Promise.resolve(found);
  }
}

/** Loopback is ours, 192.0.2.0/24 is behind eth0, 2001:db8::/32 behind eth1; nothing else has a route. */
export const routes: RouteView = {
  deviceFor(address) {
    if (address.startsWith('127.') || address === '::1') return null;
    if (address.startsWith('192.0.2.')) return 'eth0';
    return address.startsWith('2001:db8:') ? 'eth1' : undefined;
  },
};

/** Dials for real, unmarked: in a test there is no TUN to come back from. */
export class LoopbackEgress extends Egress {
  constructor() {
    const addon = loadNative(fileURLToPath(new URL('../../../native/mirage.node', import.meta.url)));
    const { openStream, keepStream, closeStream, CarriedStream } = addon;
    super(noSockets({ openStream, keepStream, closeStream, CarriedStream }), routes, 0);
  }
}

export function dialOptions(timeoutMs = 5000): DialOptions {
  return { signal: new AbortController().signal, timeoutMs };
}
