import { expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

function nodeOf(keys: string): unknown[] {
  const { config, problems } = loadProfile(
    `proxies:\n  - {name: x, type: trojan, server: t.example, port: 443, ${keys}}\nrules: ["MATCH,DIRECT"]\n`,
  );
  const [proxy] = config?.proxies ?? [];
  return [proxy, ...problems.map(({ severity, code }) => `${severity} ${code}`)];
}
const alpn = ['h2', 'http/1.1'];
const node = { type: 'trojan', name: 'x', server: 't.example', port: 443, password: 'a', udp: false };
const usual = { ...node, tls: { serverName: 't.example', alpn } };
const unspoken = { type: 'unspoken', name: 'x', kind: 'trojan' };
const print = 'ab'.repeat(32);

test.each<[string, unknown[]]>([
  ['password: a', [usual]],
  ['password: a, udp: true, network: tcp', [{ ...usual, udp: true }]],
  [
    'password: a, sni: other.example, alpn: [http/1.1]',
    [{ ...node, tls: { serverName: 'other.example', alpn: ['http/1.1'] } }],
  ],
  [`password: a, fingerprint: ${print}`, [{ ...node, tls: { serverName: 't.example', fingerprint: print, alpn } }]],
  [
    'password: a, skip-cert-verify: true, client-fingerprint: chrome',
    [
      { ...node, tls: { serverName: 't.example', alpn, insecure: true } },
      'warning PROXY_TLS_INSECURE',
      'warning NOTE_OWN_HELLO',
    ],
  ],
  ['password: a, tls: true, smux: {enabled: true}', [usual, 'warning NOTE_ALWAYS_TLS', 'warning NOTE_OWN_CONNECTION']],
  ['password: a, ss-opts: {enabled: false}', [usual]],
  [
    'password: a, network: ws, ws-opts: {path: "/p?ed=2048&x=1", headers: {Host: web.example, X-Y: z}, max-early-data: 2048}',
    [
      {
        ...node,
        tls: { serverName: 't.example', alpn: ['http/1.1'] },
        transport: { kind: 'ws', path: '/p?x=1', host: 'web.example', headers: [['X-Y', 'z']] },
      },
      'warning NOTE_ROUND_TRIP',
    ],
  ],
  [
    'password: a, network: ws, sni: s.example, ws-opts: {v2ray-http-upgrade: true}',
    [
      {
        ...node,
        tls: { serverName: 's.example', alpn: ['http/1.1'] },
        transport: { kind: 'httpupgrade', path: '/', host: 's.example', headers: [] },
      },
    ],
  ],
  ['password: a, network: ws, ws-opts: {path: "/a b"}', [unspoken, 'warning PROXY_PATH']],
  ['password: a, ss-opts: {enabled: true}', [unspoken, 'warning PROXY_TRANSPORT']],
  ['password: a, network: grpc, grpc-opts: {grpc-service-name: a}', [unspoken, 'warning PROXY_TRANSPORT']],
  ['password: a, reality-opts: {public-key: a}', [unspoken, 'warning PROXY_TRANSPORT']],
  ['password: a, fingerprint: abc', [unspoken, 'warning PROXY_FINGERPRINT']],
  ['sni: a.example', [unspoken, 'warning KEY_MISSING']],
])('%s', (keys, expected) => expect(nodeOf(keys)).toEqual(expected));
