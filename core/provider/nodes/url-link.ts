/** Links that are URLs: `scheme://user:password@host:port?options#name`. */
import { fromBase64, hostAndPort, type LinkedNode, nameOf, partsOf, present, unescaped } from './link-text.ts';
import { transportOf } from './transport.ts';

interface Login {
  /** All that stands before the `@`. */
  readonly whole: string;
  readonly username: string;
  readonly password: string;
}

type Keys = Record<string, unknown>;
type Reader = (login: Login, query: URLSearchParams) => { readonly type: string; readonly keys: Keys };

/** Undefined for a scheme that is not known. */
export function readUrlLink(scheme: string, link: string): LinkedNode | undefined {
  const reader = Object.hasOwn(readers, scheme) ? readers[scheme] : undefined;
  if (reader === undefined) return undefined;
  const { head, query, fragment } = partsOf(link);
  const plain = head.includes('@') || hostAndPort(head) !== undefined ? head : (fromBase64(head) ?? head);
  const at = plain.lastIndexOf('@');
  const address = hostAndPort(withPort(plain.slice(at + 1), scheme));
  if (address === undefined) return undefined;
  const { type, keys } = reader(loginOf(at < 0 ? '' : plain.slice(0, at)), query);
  return { name: nameOf(fragment, address.server, address.port), type, ...address, ...keys };
}

const usualPorts: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  hysteria2: 443,
  hy2: 443,
  trojan: 443,
  anytls: 443,
};

function withPort(address: string, scheme: string): string {
  const bare = address.replace(/\/$/, '');
  const usual = usualPorts[scheme];
  return usual === undefined || /:\d+(?:[,-][\d,-]*)?$/.test(bare) ? bare : `${bare}:${usual}`;
}

function loginOf(text: string): Login {
  const decoded = !text.includes(':') && text !== '' ? fromBase64(unescaped(text)) : undefined;
  const pair = text.includes(':')
    ? text
    : decoded?.includes(':') === true && /^[\x20-\x7e]+$/.test(decoded)
      ? decoded
      : text;
  const colon = pair.indexOf(':');
  return {
    whole: unescaped(text),
    username: unescaped(colon < 0 ? pair : pair.slice(0, colon)),
    password: colon < 0 ? '' : unescaped(pair.slice(colon + 1)),
  };
}

const isOn = (value: string | null): boolean => value !== null && /^(?:1|true|yes|on)$/i.test(value);

function tlsOf(query: URLSearchParams, nameKey: 'sni' | 'servername'): Keys {
  const alpn = query.get('alpn') ?? '';
  return {
    ...present({
      [nameKey]: query.get('sni') ?? query.get('peer') ?? undefined,
      'client-fingerprint': query.get('fp') ?? undefined,
      alpn: alpn === '' ? undefined : alpn.split(','),
    }),
    ...(isOn(query.get('allowInsecure')) || isOn(query.get('insecure')) || isOn(query.get('allow_insecure'))
      ? { 'skip-cert-verify': true }
      : {}),
  };
}

function layersOf(query: URLSearchParams): Keys {
  const network = query.get('type') ?? 'tcp';
  return transportOf({
    network,
    host: query.get('host') ?? '',
    path: query.get('path') ?? '',
    headerType: query.get('headerType') ?? '',
    serviceName: query.get('serviceName') ?? '',
  });
}

const socks: Reader = ({ username, password }) => ({
  type: 'socks5',
  keys: { ...present({ username, password }), udp: true },
});
const web =
  (tls: boolean): Reader =>
  ({ username, password }, query) => ({
    type: 'http',
    keys: { ...present({ username, password }), ...(tls ? { tls, ...tlsOf(query, 'sni') } : {}) },
  });

const v2: (type: string) => Reader =
  (type) =>
  ({ whole }, query) => {
    const security = (query.get('security') ?? '').toLowerCase();
    const isTls = security === 'tls' || security === 'reality' || security === 'xtls';
    const reality =
      security === 'reality'
        ? {
            'reality-opts': present({
              'public-key': query.get('pbk') ?? undefined,
              'short-id': query.get('sid') ?? undefined,
            }),
          }
        : {};
    return {
      type,
      keys: {
        uuid: whole,
        ...(type === 'vmess'
          ? { alterId: 0, cipher: query.get('encryption') ?? 'auto' }
          : present({ flow: query.get('flow') ?? undefined })),
        udp: true,
        ...(isTls ? { tls: true, ...tlsOf(query, 'servername'), ...reality } : {}),
        ...layersOf(query),
      },
    };
  };

const hysteria2: Reader = ({ whole }, query) => ({
  type: 'hysteria2',
  keys: {
    password: whole,
    ...present({
      obfs: query.get('obfs') ?? undefined,
      'obfs-password': query.get('obfs-password') ?? undefined,
      ports: query.get('mport') ?? undefined,
    }),
    ...tlsOf(query, 'sni'),
  },
});

const readers: Readonly<Record<string, Reader>> = {
  socks,
  socks5: socks,
  socks5h: socks,
  http: web(false),
  https: web(true),
  trojan: ({ whole }, query) => ({
    type: 'trojan',
    keys: { password: whole, udp: true, ...tlsOf(query, 'sni'), ...layersOf(query) },
  }),
  vless: v2('vless'),
  vmess: v2('vmess'),
  hysteria2,
  hy2: hysteria2,
  hysteria: (_, query) => ({
    type: 'hysteria',
    keys: {
      ...present({
        'auth-str': query.get('auth') ?? undefined,
        up: query.get('upmbps') ?? undefined,
        down: query.get('downmbps') ?? undefined,
        obfs: query.get('obfsParam') ?? undefined,
        protocol: query.get('protocol') ?? undefined,
      }),
      ...tlsOf(query, 'sni'),
    },
  }),
  tuic: ({ username, password }, query) => ({
    type: 'tuic',
    keys: {
      ...(password === '' ? { token: username } : { uuid: username, password }),
      ...present({
        'congestion-controller': query.get('congestion_control') ?? undefined,
        'udp-relay-mode': query.get('udp_relay_mode') ?? undefined,
      }),
      ...tlsOf(query, 'sni'),
    },
  }),
  anytls: ({ whole }, query) => ({ type: 'anytls', keys: { password: whole, udp: true, ...tlsOf(query, 'sni') } }),
  wireguard: wireguard(),
  wg: wireguard(),
};

function wireguard(): Reader {
  return ({ whole }, query) => {
    const addresses = (query.get('address') ?? query.get('ip') ?? '')
      .split(',')
      .map((text) => text.trim().replace(/\/\d+$/, ''));
    const reserved = (query.get('reserved') ?? '').split(',').map(Number);
    return {
      type: 'wireguard',
      keys: {
        'private-key': whole,
        ...present({
          'public-key': query.get('publickey') ?? query.get('publicKey') ?? undefined,
          'pre-shared-key': query.get('presharedkey') ?? query.get('presharedKey') ?? undefined,
          ip: addresses.find((text) => text !== '' && !text.includes(':')),
          ipv6: addresses.find((text) => text.includes(':')),
          mtu: Number(query.get('mtu')) || undefined,
          reserved: reserved.length === 3 && reserved.every((each) => Number.isInteger(each)) ? reserved : undefined,
        }),
        udp: true,
      },
    };
  };
}
