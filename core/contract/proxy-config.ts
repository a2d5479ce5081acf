/**
 * The nodes of a configuration, a schema for each protocol, and the policies that are there without being listed. What a group is
 * stands in `config.ts`, and what people see of either in `proxies.ts`.
 */
import { z } from 'zod';
import { pem, port, secret, text } from './config-values.ts';

/** TLS towards a server (RFC 8446). */
export const tlsSchema = z.strictObject({
  /** Told to the server (SNI), and what its certificate must be good for. */
  serverName: text,
  /** SHA-256 of the server's certificate, or of an authority's that it shows: it is believed by that alone. */
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** Whatever certificate it shows is taken. */
  insecure: z.literal(true).optional(),
  /** PEM of our own certificate and its key. */
  certificate: pem.optional(),
  key: pem.optional(),
  /** Protocols that are offered (RFC 7301), the best first. */
  alpn: z.array(text).max(16).optional(),
});
export type TlsConfig = z.infer<typeof tlsSchema>;

const overTls = { tls: tlsSchema.optional() };
const throughAnother = {
  /** The node or group through which the server is reached, and looked up; absent: by the network. It then carries no UDP. */
  dialerProxy: text.optional(),
};

export const socks5ProxySchema = z.strictObject({
  type: z.literal('socks5'),
  name: text,
  /** A name or an address; a name is resolved by our own resolver, never by the OS. */
  server: text,
  port,
  username: secret.optional(),
  password: secret.optional(),
  /** Whether UDP ASSOCIATE may be used; `false` makes UDP rejected by ICMP. */
  udp: z.boolean(),
  ...overTls,
  ...throughAnother,
});
/** Fields of one proxy's requests. */
export const maxHttpHeaders = 64;
/** Name and value of a field that can be sent as it is (RFC 9110 section 5). */
export const httpHeaderSchema = z.tuple([
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}$/),
  z.string().regex(/^[^\0\r\n]{0,1024}$/),
]);
export const httpProxySchema = z.strictObject({
  type: z.literal('http'),
  name: text,
  /** As of SOCKS5. It carries no UDP. */
  server: text,
  port,
  username: secret.optional(),
  password: secret.optional(),
  /** Sent with each CONNECT besides our own fields, of which they replace those of the same name. May hold secrets. */
  headers: z.array(httpHeaderSchema).max(maxHttpHeaders),
  ...overTls,
  ...throughAnother,
});
/** What bytes look like to the web server in front of a node: a WebSocket (RFC 6455), or its handshake alone. */
export const webTransportSchema = z.strictObject({
  kind: z.enum(['ws', 'httpupgrade']),
  path: z.string().regex(/^\/[\x21-\x7e]{0,2047}$/),
  host: text,
  /** Sent with the handshake besides our own fields. May hold secrets. */
  headers: z.array(httpHeaderSchema).max(maxHttpHeaders),
});
export type WebTransportConfig = z.infer<typeof webTransportSchema>;

/** Of SIP004, then those of SIP022. */
export const shadowsocksCiphers = [
  'aes-128-gcm',
  'aes-192-gcm',
  'aes-256-gcm',
  'chacha20-ietf-poly1305',
  'xchacha20-ietf-poly1305',
  '2022-blake3-aes-128-gcm',
  '2022-blake3-aes-256-gcm',
  '2022-blake3-chacha20-poly1305',
] as const;
export type ShadowsocksCipher = (typeof shadowsocksCiphers)[number];
/** Bytes of a key of SIP022; undefined for ciphers that make one of any password. */
export function shadowsocksKeyLength(cipher: ShadowsocksCipher): number | undefined {
  if (!cipher.startsWith('2022-')) return undefined;
  return cipher === '2022-blake3-aes-128-gcm' ? 16 : 32;
}
export const shadowsocksProxySchema = z.strictObject({
  type: z.literal('ss'),
  name: text,
  server: text,
  port,
  cipher: z.enum(shadowsocksCiphers),
  /** Of SIP022: keys in base64 (`shadowsocksKeyLength`), those of servers before that of the user, with colons between. */
  password: secret,
  /** Whether UDP may go through it; it goes to the server's own port. */
  udp: z.boolean(),
  /** Of the plugin in front of the server (v2ray-plugin). */
  tls: tlsSchema.optional(),
  transport: webTransportSchema.optional(),
  ...throughAnother,
});
export const trojanProxySchema = z.strictObject({
  type: z.literal('trojan'),
  name: text,
  server: text,
  port,
  password: secret,
  /** Whether UDP may go through it. */
  udp: z.boolean(),
  tls: tlsSchema,
  transport: webTransportSchema.optional(),
  ...throughAnother,
});
export const directProxySchema = z.strictObject({ type: z.literal('direct'), name: text });
export const rejectProxySchema = z.strictObject({ type: z.literal('reject'), name: text, drop: z.boolean() });

/**
 * A node of a protocol that is not spoken yet. It stays in its groups, refuses what is dialled through it, and automatic groups
 * pass it over. Nothing of it is known but its name and the word that the profile has for its protocol.
 */
export const unspokenProxySchema = z.strictObject({
  type: z.literal('unspoken'),
  name: text,
  kind: z.string().min(1).max(32),
});

/**
 * Policies that are always there, and are not listed. A rule that leads to PASS is passed over; in a list that a sub-rule leads to,
 * PASS leaves that list, and PASS-RULE goes on in it. COMPATIBLE is Clash's other word for DIRECT.
 */
export const builtInPolicies = ['DIRECT', 'REJECT', 'REJECT-DROP', 'PASS', 'PASS-RULE', 'COMPATIBLE'] as const;
export type BuiltInPolicy = (typeof builtInPolicies)[number];
/** Where a flow goes that no rule takes, and that of a proxy of ours. */
export const directPolicy = 'DIRECT' satisfies BuiltInPolicy;
export const passRulePolicy = 'PASS-RULE' satisfies BuiltInPolicy;

export const proxySchema = z.discriminatedUnion('type', [
  socks5ProxySchema,
  httpProxySchema,
  shadowsocksProxySchema,
  trojanProxySchema,
  directProxySchema,
  rejectProxySchema,
  unspokenProxySchema,
]);
export type ProxyConfig = z.infer<typeof proxySchema>;
export type Socks5ProxyConfig = z.infer<typeof socks5ProxySchema>;
export type HttpProxyConfig = z.infer<typeof httpProxySchema>;
export type TrojanProxyConfig = z.infer<typeof trojanProxySchema>;
export type ShadowsocksProxyConfig = z.infer<typeof shadowsocksProxySchema>;
