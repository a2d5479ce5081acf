import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../../core/base/address.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import { udpRelayAddress } from '../../../core/outbound/udp-relay-address.ts';

/** The engine's own test reads the same rows. */
const rows = readFileSync(new URL('../../../native/src/socks5/relay-addresses.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(/ +/));
const endpoint = (text = ''): Endpoint => parseEndpoint(text) ?? endpointWithPort0(text);

/** Which is none to connect to, but may be said. */
function endpointWithPort0(text: string): Endpoint {
  return { host: text.replace(/:0$/, '').replace(/^\[(.*)\]$/, '$1'), port: 0 };
}

test.each(rows)('%s of %s is %s', (bound, proxy, relay) => {
  expect(formatEndpoint(udpRelayAddress(endpoint(bound), endpoint(proxy)))).toBe(relay);
});

test.each([
  ['relay.example', '203.0.113.5'],
  ['localhost', '203.0.113.5'],
  ['203.0.113.9', '203.0.113.9'],
  ['10.0.0.9', '203.0.113.5'],
  ['', '203.0.113.5'],
])('%j as a name of the relay is %s', (host, relay) => {
  expect(udpRelayAddress({ host, port: 4000 }, { host: '203.0.113.5', port: 1080 })).toEqual({
    host: relay,
    port: 4000,
  });
});

test('the rows are many', () => expect(rows.length).toBeGreaterThan(30));
