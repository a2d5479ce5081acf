/** `vmess://` with JSON in base64, as v2rayN writes it. The other form is an URL (`url-link.ts`). */
import { fromBase64, hostAndPort, type LinkedNode, present } from './link-text.ts';
import { transportOf } from './transport.ts';

export function readVmess(link: string): LinkedNode | undefined {
  const value = parseJson(fromBase64(link.slice('vmess://'.length).replace(/#.*$/s, '')));
  if (value === undefined) return undefined;
  const text = (key: string): string => {
    const found = Object.hasOwn(value, key) ? value[key] : undefined;
    return typeof found === 'string' || typeof found === 'number' ? String(found).trim() : '';
  };
  const host = text('add');
  const address = hostAndPort(`${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${text('port')}`);
  if (address === undefined) return undefined;
  const isTls = /^(?:tls|reality)$/i.test(text('tls'));
  return {
    name: text('ps').slice(0, 200) || `${address.server}:${address.port}`,
    type: 'vmess',
    ...address,
    uuid: text('id'),
    alterId: Number(text('aid')) || 0,
    cipher: text('scy') || 'auto',
    udp: true,
    ...(isTls
      ? { tls: true, ...present({ servername: text('sni') || text('host'), 'client-fingerprint': text('fp') }) }
      : {}),
    ...transportOf({
      network: text('net'),
      host: text('host'),
      path: text('path'),
      headerType: text('type'),
      serviceName: text('path'),
    }),
  };
}

function parseJson(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
