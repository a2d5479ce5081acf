/** Servers of the protocols that nodes speak, on the far machine: real programs of others. */
import { randomBytes } from 'node:crypto';
import type { ShadowsocksCipher } from '../../../core/contract/proxy-config.ts';
import { shadowsocksKeyLength } from '../../../core/contract/proxy-config.ts';
import { peerFile } from '../../support/peers.ts';
import { type NativeWorld, proxy } from './native-world.ts';

export const [mihomo, singBox] = [peerFile('bin/mihomo'), peerFile('bin/sing-box')];

/** A password that the cipher can have. */
export function passwordFor(cipher: ShadowsocksCipher): string {
  const length = shadowsocksKeyLength(cipher);
  return length === undefined ? 'a secret of the tests' : randomBytes(length).toString('base64');
}

/** mihomo with these listeners (YAML flow maps), the last one at `port`. */
export async function startMihomo(world: NativeWorld, port: number, listeners: readonly object[]): Promise<void> {
  const file = `${world.server.directory}/mihomo-${port}.yaml`;
  const lines = listeners.map((listener) => `  - ${JSON.stringify({ listen: proxy, ...listener })}`);
  await world.server.write(file, `mode: direct\nipv6: true\nlisteners:\n${lines.join('\n')}\n`);
  await world.serve(port, mihomo ?? '', ['-d', world.server.directory, '-f', file], {
    SAFE_PATHS: world.server.directory,
  });
}

/** sing-box with these inbounds, the last one at `port`. */
export async function startSingBox(world: NativeWorld, port: number, inbounds: readonly object[]): Promise<void> {
  const file = `${world.server.directory}/sing-box-${port}.json`;
  const all = inbounds.map((inbound) => ({ listen: proxy, ...inbound }));
  await world.server.write(file, JSON.stringify({ inbounds: all, outbounds: [{ type: 'direct' }] }));
  await world.serve(port, singBox ?? '', ['run', '-c', file]);
}
