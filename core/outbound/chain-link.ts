/** One proxy on the way to a target: where it is, and what is said to it so that it leads on. */
import { AppError } from '../base/app-error.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Layer } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';

export interface ChainLink {
  /** The name of its node. */
  readonly node: string;
  /** Where it listens. The first of a chain is reached by the network, each other one through the one before. */
  readonly server: Endpoint;
  /** Whether it carries datagrams when it is the only one. */
  readonly carriesUdp: boolean;
  /** What is spoken with it so that it leads to `to`, there by `network` (TCP, unless it is the only one). Throws DIAL_NAME_NOT_FOUND for a name that its protocol cannot say. */
  layersTo(to: Endpoint, network?: Network): readonly Layer[];
}

/** A name whose length cannot be written in a byte cannot be one that exists (RFC 1035: 255 bytes). */
export function shortTarget(to: Endpoint): Endpoint {
  const length = new TextEncoder().encode(to.host).length;
  if (length > 0 && length <= 255) return to;
  throw new AppError('DIAL_NAME_NOT_FOUND', `a name of ${length} bytes cannot exist`);
}

/** Proxies on the way of one connection. */
export const maxLinks = 16;
