/** `GEOIP,lan`: addresses that no list of countries has. As Clash counts them. */
import { parseCidr } from '../base/cidr.ts';
import { IpTable } from './ip-table.ts';
import { noRule } from './no-rule.ts';
import type { AddressSet } from './rule-set.ts';

const prefixes: readonly string[] = [
  // Private (RFC 1918, RFC 4193).
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
  // Unspecified and loopback.
  '0.0.0.0/32',
  '::/128',
  '127.0.0.0/8',
  '::1/128',
  // Link-local and multicast.
  '169.254.0.0/16',
  'fe80::/10',
  '224.0.0.0/4',
  'ff00::/8',
];

const table = new IpTable(
  prefixes.flatMap((prefix) => {
    const cidr = parseCidr(prefix);
    return cidr === undefined ? [] : [{ cidr, index: 0 }];
  }),
);

export const lanAddresses: AddressSet = { size: prefixes.length, has: (ip) => table.lookup(ip) !== noRule };

export function isLan(payload: string): boolean {
  return payload.toLowerCase() === 'lan';
}
