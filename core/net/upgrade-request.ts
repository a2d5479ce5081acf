/** The head of the request by which a WebSocket begins (RFC 6455 section 4.1), without its key and its empty line. */
import type { WebTransportConfig } from '../contract/proxy-config.ts';

export function encodeUpgradeRequest({ kind, path, host, headers }: WebTransportConfig): Uint8Array {
  const own: [string, string][] = [
    ['Host', host],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ...(kind === 'ws' ? ([['Sec-WebSocket-Version', '13']] satisfies [string, string][]) : []),
  ];
  const taken = new Set([...own.map(([name]) => name.toLowerCase()), 'sec-websocket-key', 'content-length']);
  const others = headers.filter(([name]) => !taken.has(name.toLowerCase()));
  const lines = [...own, ...others].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}`, 'utf8');
}
