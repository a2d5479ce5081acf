/** `ss://` (SIP002, and the older form that is base64 as a whole) and `ssr://`. */
import { fromBase64, hostAndPort, type LinkedNode, nameOf, partsOf, present, unescaped } from './link-text.ts';

export function readShadowsocks(link: string): LinkedNode | undefined {
  const { head, query, fragment } = partsOf(link);
  const plain = head.includes('@') ? head : (fromBase64(head) ?? '');
  const at = plain.lastIndexOf('@');
  const address = hostAndPort(plain.slice(at + 1));
  if (at < 0 || address === undefined) return undefined;
  const user = plain.slice(0, at);
  const login = user.includes(':') ? unescaped(user) : (fromBase64(unescaped(user)) ?? '');
  const colon = login.indexOf(':');
  if (colon < 0) return undefined;
  return {
    name: nameOf(fragment, address.server, address.port),
    type: 'ss',
    ...address,
    cipher: login.slice(0, colon).toLowerCase(),
    password: login.slice(colon + 1),
    udp: true,
    ...pluginOf(query.get('plugin') ?? ''),
  };
}

/** `obfs-local;obfs=http;obfs-host=example.com`, `v2ray-plugin;mode=websocket;tls;host=...` */
function pluginOf(text: string): Record<string, unknown> {
  const [name = '', ...pairs] = text.split(';');
  if (name === '') return {};
  const options = new Map(
    pairs.map((pair) => [pair.split('=')[0] ?? '', pair.includes('=') ? pair.slice(pair.indexOf('=') + 1) : 'true']),
  );
  if (name.includes('obfs')) {
    return { plugin: 'obfs', 'plugin-opts': present({ mode: options.get('obfs'), host: options.get('obfs-host') }) };
  }
  if (name.includes('v2ray-plugin')) {
    const tls = options.has('tls') ? true : undefined;
    return {
      plugin: 'v2ray-plugin',
      'plugin-opts': present({
        mode: options.get('mode') ?? 'websocket',
        host: options.get('host'),
        path: options.get('path'),
        tls,
      }),
    };
  }
  return { plugin: name, 'plugin-opts': Object.fromEntries(options) };
}

/** `host:port:protocol:method:obfs:base64(password)/?obfsparam=...&protoparam=...&remarks=...`, all of it in base64. */
export function readShadowsocksR(link: string): LinkedNode | undefined {
  const text = fromBase64(link.slice('ssr://'.length).replace(/#.*$/s, ''));
  const [, server, digits, protocol, cipher, obfs, secret, rest = ''] =
    /^(.+):(\d{1,5}):([^:]*):([^:]*):([^:]*):([^:/?]*)(?:\/?\?(.*))?$/s.exec(text ?? '') ?? [];
  const address = hostAndPort(`${server ?? ''}:${digits ?? ''}`);
  const password = fromBase64(secret ?? '');
  if (address === undefined || password === undefined) return undefined;
  const query = new URLSearchParams(rest);
  const decoded = (key: string): string => fromBase64((query.get(key) ?? '').replaceAll(' ', '+')) ?? '';
  return {
    name: decoded('remarks').trim() || `${address.server}:${address.port}`,
    type: 'ssr',
    ...address,
    cipher: cipher ?? '',
    password,
    protocol: protocol ?? '',
    obfs: obfs ?? '',
    ...present({ 'protocol-param': decoded('protoparam'), 'obfs-param': decoded('obfsparam') }),
    udp: true,
  };
}
