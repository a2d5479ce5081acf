/** What the rules look at, taken from a flow's metadata once per match. */
import { type Ip, parseIp } from '../base/address.ts';
import { comparableDomain } from '../base/domain.ts';
import type { Endpoint, ProcessInfo } from '../contract/flow.ts';
import type { Metadata, Network } from '../flow/metadata.ts';

export interface MatchFacts {
  /** Comparable; absent when the application connected to a bare address. */
  readonly name?: string;
  /** Absent when only a name is known. Never a fake address. */
  readonly ip?: Ip;
  readonly port: number;
  readonly network: Network;
  /** The program's end, as it left the application. */
  readonly source: Endpoint;
  readonly inbound: InboundFacts;
  /** DSCP, 0 to 63; 0 for what comes by the mixed port, as in Clash. */
  readonly trafficClass: number;
  /** Absent while it is not known. */
  readonly process?: ProcessInfo;
}

/** Which door of ours a connection came in by, in Clash's words. */
export interface InboundFacts {
  readonly type: 'TUN' | 'HTTP' | 'HTTPS' | 'SOCKS4' | 'SOCKS5';
  readonly name: string;
  /** 0 where there is none. */
  readonly port: number;
  readonly user: string;
}

const tun: InboundFacts = { type: 'TUN', name: 'DEFAULT-TUN', port: 0, user: '' };
/** Of our own connections, before anybody made one. */
const mixed: InboundFacts = { type: 'SOCKS5', name: 'DEFAULT-MIXED', port: 0, user: '' };

/**
 * A name learned from the traffic (`sniffed`) or from our real answers (`redir-host`) comes with the real address that the application connected to;
 * with any other name the original destination is the name itself or a fake address, and no address is known.
 */
export function matchFacts(metadata: Metadata): MatchFacts {
  const { network, source, process, trafficClass = 0 } = metadata;
  const { host, port } = metadata.destination;
  const known = {
    port,
    network,
    source,
    inbound: inboundFacts(metadata),
    trafficClass,
    ...(process === undefined ? {} : { process }),
  };
  const ip = parseIp(host);
  if (ip !== undefined) return { ...known, ip };
  const name = comparableDomain(host);
  if (metadata.domainSource !== 'sniffed' && metadata.domainSource !== 'redir-host') return { ...known, name };
  const original = metadata.fakeIp === undefined ? parseIp(metadata.originalDestination.host) : undefined;
  return original === undefined ? { ...known, name } : { ...known, name, ip: original };
}

/** Clash gives the UDP of a SOCKS5 client another name than its TCP. */
function inboundFacts({ inbound, network, door }: Metadata): InboundFacts {
  if (inbound === 'tun') return tun;
  return { ...mixed, ...(network === 'udp' ? { name: 'DEFAULT-SOCKS' } : {}), ...door };
}
