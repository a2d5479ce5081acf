import { expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

function nodeOf(keys: string): unknown[] {
  const { config, problems } = loadProfile(
    `proxies:\n  - {name: x, type: ss, server: ss.example, port: 8388, ${keys}}\nrules: ["MATCH,DIRECT"]\n`,
  );
  const [proxy] = config?.proxies ?? [];
  return [proxy, ...problems.map(({ severity, code }) => `${severity} ${code}`)];
}
const place = { type: 'ss', name: 'x', server: 'ss.example', port: 8388 };
const unspoken = { type: 'unspoken', name: 'x', kind: 'ss' };
const key = (length: number, fill = 1): string => Buffer.alloc(length, fill).toString('base64');

test.each<[string, unknown[]]>([
  ['cipher: aes-256-gcm, password: "123"', [{ ...place, cipher: 'aes-256-gcm', password: '123', udp: false }]],
  [
    'cipher: CHACHA20-IETF-POLY1305, password: a secret, udp: true',
    [{ ...place, cipher: 'chacha20-ietf-poly1305', password: 'a secret', udp: true }],
  ],
  [
    `cipher: 2022-blake3-aes-128-gcm, password: "${key(16)}:${key(16, 2)}", dialer-proxy: DIRECT`,
    [{ ...place, cipher: '2022-blake3-aes-128-gcm', password: `${key(16)}:${key(16, 2)}`, udp: false }],
  ],
  [
    `cipher: aes-128-gcm, password: a, udp-over-tcp: true, client-fingerprint: chrome`,
    [
      { ...place, cipher: 'aes-128-gcm', password: 'a', udp: false },
      'warning NOTE_UDP_AS_UDP',
      'warning NOTE_OWN_HELLO',
    ],
  ],
  // Keys of another length, and users where there are none.
  [`cipher: 2022-blake3-aes-256-gcm, password: "${key(16)}"`, [unspoken, 'warning PROXY_KEYS']],
  [`cipher: 2022-blake3-chacha20-poly1305, password: "${key(32)}:${key(32)}"`, [unspoken, 'warning PROXY_KEYS']],
  ['cipher: 2022-blake3-aes-128-gcm, password: a password', [unspoken, 'warning PROXY_KEYS']],
  ['cipher: rc4-md5, password: a', [unspoken, 'warning PROXY_CIPHER']],
  [
    'cipher: aes-128-gcm, password: a, plugin: v2ray-plugin, plugin-opts: {mode: websocket, tls: true, host: web.example, path: /p, mux: false}',
    [
      {
        ...place,
        cipher: 'aes-128-gcm',
        password: 'a',
        udp: false,
        tls: { serverName: 'web.example', alpn: ['http/1.1'] },
        transport: { kind: 'ws', path: '/p', host: 'web.example', headers: [] },
      },
    ],
  ],
  [
    'cipher: aes-128-gcm, password: a, plugin: v2ray-plugin, plugin-opts: {mux: false}',
    [
      {
        ...place,
        cipher: 'aes-128-gcm',
        password: 'a',
        udp: false,
        transport: { kind: 'ws', path: '/', host: 'bing.com', headers: [] },
      },
    ],
  ],
  [
    'cipher: aes-128-gcm, password: a, plugin: v2ray-plugin, plugin-opts: {mode: quic}',
    [unspoken, 'warning PROXY_PLUGIN'],
  ],
  ['cipher: aes-128-gcm, password: a, plugin: v2ray-plugin', [unspoken, 'warning PROXY_PLUGIN']],
  ['cipher: aes-128-gcm, password: a, plugin: shadow-tls, plugin-opts: {host: a}', [unspoken, 'warning PROXY_PLUGIN']],
  [`cipher: aes-128-gcm, password: "${'x'.repeat(256)}"`, [unspoken, 'warning PROXY_SECRET_TOO_LONG']],
  ['password: a', [unspoken, 'warning KEY_MISSING']],
])('%s', (keys, expected) => expect(nodeOf(keys)).toEqual(expected));

test('no message shows the password', () => {
  const { problems } = loadProfile(
    'proxies: [{name: x, type: ss, server: a.example, port: 1, cipher: 2022-blake3-aes-128-gcm, password: a planted secret}]\nrules: ["MATCH,x"]\n',
  );
  expect(problems).not.toEqual([]);
  expect(JSON.stringify(problems)).not.toContain('planted');
});
