import { expect, test } from 'vitest';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { findTarget } from '../../../core/tunnel/flow-target.ts';

const policy = {
  isOfNetwork: (name: string) => name.endsWith('.lan'),
  addressInNetwork: async (name: string) => await Promise.resolve(name === 'nas.lan' ? '192.168.1.2' : undefined),
};
const never = new AbortController().signal;
const flow = (host: string, original: string, rest: Partial<Metadata> = {}): Metadata => ({
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host, port: 443 },
  originalDestination: { host: original, port: 443 },
  ...rest,
});
const fake = { domainSource: 'fake-ip', fakeIp: '198.18.3.1' } as const;
const sniffed = { domainSource: 'sniffed' } as const;
const guessed = { domainSource: 'redir-host' } as const;

test.each([
  ['web.example', '198.18.3.1', fake, 'web.example', 'web.example'],
  ['nas.lan', '198.18.3.1', fake, 'nas.lan', '192.168.1.2'],
  ['192.0.2.1', '192.0.2.1', {}, '192.0.2.1', '192.0.2.1'],
  ['web.example', '192.0.2.1', sniffed, '192.0.2.1', 'web.example'],
  // A hint that no public host can have, or for an address that the other side does not know.
  ['kubernetes', '192.0.2.1', sniffed, '192.0.2.1', '192.0.2.1'],
  ['web.example', '10.0.0.1', sniffed, '10.0.0.1', '10.0.0.1'],
  ['web.example', '192.0.2.1', guessed, '192.0.2.1', 'web.example'],
  ['nas.lan', '192.168.1.9', guessed, '192.168.1.9', '192.168.1.9'],
  // Recovered from the first bytes: there is no address to fall back to.
  ['web.example', '198.18.3.1', { ...fake, ...sniffed }, 'web.example', 'web.example'],
])('%s at %s %o: here %s, there %s', async (host, original, rest, here, there) => {
  const metadata = flow(host, original, rest);
  const dialled = async (resolvesAt: 'here' | 'there') =>
    (await findTarget(metadata, { resolvesAt }, policy, never)).host;
  expect([await dialled('here'), await dialled('there')]).toEqual([here, there]);
});
