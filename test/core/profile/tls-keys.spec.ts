import { expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

function tlsOf(keys: string, server = 'proxy.example', type = 'socks5') {
  const { config, problems } = loadProfile(
    `proxies:\n  - {name: x, type: ${type}, server: "${server}", port: 1, ${keys}}\nrules: ["MATCH,DIRECT"]\n`,
  );
  const [proxy] = config?.proxies ?? [];
  const tls = proxy !== undefined && 'tls' in proxy ? proxy.tls : proxy?.type;
  return [tls, ...problems.map(({ severity, code }) => `${severity} ${code}`)];
}
const print = 'ab'.repeat(32);
const pem = '-----BEGIN CERTIFICATE-----\\nMA==\\n-----END CERTIFICATE-----';

test.each<[string, unknown[]]>([
  ['tls: true', [{ serverName: 'proxy.example' }]],
  ['tls: true, sni: other.example', [{ serverName: 'other.example' }]],
  ['tls: true, servername: other.example', [{ serverName: 'other.example' }]],
  ['tls: true, sni: ""', [{ serverName: 'proxy.example' }]],
  ['tls: true, skip-cert-verify: false', [{ serverName: 'proxy.example' }]],
  [
    'tls: true, skip-cert-verify: true',
    [{ serverName: 'proxy.example', insecure: true }, 'warning PROXY_TLS_INSECURE'],
  ],
  [`tls: true, fingerprint: ${print}`, [{ serverName: 'proxy.example', fingerprint: print }]],
  [
    `tls: true, skip-cert-verify: true, fingerprint: "${'AB:'.repeat(31)}AB"`,
    [{ serverName: 'proxy.example', fingerprint: print }],
  ],
  ['tls: true, fingerprint: abc', ['unspoken', 'warning PROXY_FINGERPRINT']],
  ['tls: true, client-fingerprint: chrome', [{ serverName: 'proxy.example' }, 'warning NOTE_OWN_HELLO']],
  [
    'tls: true, certificate: ./client.pem, private-key: ./key.pem',
    [{ serverName: 'proxy.example' }, 'warning PROXY_PEM', 'warning PROXY_PEM'],
  ],
  ['tls: false, sni: a.example', ['socks5', 'warning NOTE_NO_TLS']],
  ['sni: a.example', ['socks5', 'warning NOTE_NO_TLS']],
])('%s', (keys, expected) => expect(tlsOf(keys)).toEqual(expected));

test('of an HTTP proxy as well; an address is its own name, without its link', () => {
  expect(tlsOf('tls: true', '192.0.2.1', 'http')).toEqual([{ serverName: '192.0.2.1' }]);
  expect(tlsOf('tls: true', 'fe80::1%eth0')).toEqual([{ serverName: 'fe80::1' }]);
  expect(tlsOf(`tls: true, certificate: "${pem}", private-key: "${pem}"`)).toEqual([
    { serverName: 'proxy.example', certificate: pem.replaceAll('\\n', '\n'), key: pem.replaceAll('\\n', '\n') },
  ]);
});
