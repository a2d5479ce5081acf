import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readShareLink } from '../../../../core/provider/nodes/share-link.ts';
import { runs } from '../../../support/runs.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const bare = (text: string): string => base64(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const vmess = (value: object): string => `vmess://${base64(JSON.stringify(value))}`;
const uuid = '12345678-1234-1234-1234-123456789abc';

describe('links become nodes as a profile has them', () => {
  test.each<[string, object]>([
    [
      `ss://${bare('aes-256-gcm:p@ss:word')}@192.0.2.1:8388#Tokyo%20%F0%9F%87%AF%F0%9F%87%B5`,
      { name: 'Tokyo 🇯🇵', type: 'ss', server: '192.0.2.1', port: 8388, cipher: 'aes-256-gcm', password: 'p@ss:word' },
    ],
    [
      `ss://${base64('chacha20-ietf-poly1305:secret@example.com:443')}#a`,
      { name: 'a', type: 'ss', server: 'example.com', port: 443, password: 'secret' },
    ],
    [
      'ss://2022-blake3-aes-128-gcm:a%2Bb%3D@[2001:db8::1]:8388/#v6',
      { server: '2001:db8::1', cipher: '2022-blake3-aes-128-gcm', password: 'a+b=' },
    ],
    [
      `ss://${bare('rc4-md5:x')}@example.com:80?plugin=obfs-local%3Bobfs%3Dhttp%3Bobfs-host%3Dcdn.example`,
      { name: 'example.com:80', plugin: 'obfs', 'plugin-opts': { mode: 'http', host: 'cdn.example' } },
    ],
    [
      `ssr://${bare(`198.51.100.7:8080:auth_aes128_md5:aes-128-ctr:tls1.2_ticket_auth:${bare('pass')}/?obfsparam=${bare('cdn.example')}&remarks=${bare('节点 1')}`)}`,
      {
        name: '节点 1',
        type: 'ssr',
        server: '198.51.100.7',
        port: 8080,
        cipher: 'aes-128-ctr',
        password: 'pass',
        protocol: 'auth_aes128_md5',
        obfs: 'tls1.2_ticket_auth',
        'obfs-param': 'cdn.example',
      },
    ],
    [
      'socks5://anna:p%40ss@192.0.2.9:1080#s',
      { name: 's', type: 'socks5', server: '192.0.2.9', port: 1080, username: 'anna', password: 'p@ss' },
    ],
    [`socks://${base64('anna:pass')}@192.0.2.9:1080`, { type: 'socks5', username: 'anna', password: 'pass' }],
    ['socks5://192.0.2.9:1080', { name: '192.0.2.9:1080', type: 'socks5' }],
    [
      'https://anna:pass@proxy.example:8443#h',
      { name: 'h', type: 'http', tls: true, username: 'anna', password: 'pass' },
    ],
    [
      'trojan://secret@t.example:443?sni=cdn.example&allowInsecure=1&type=ws&path=%2Fws&host=h.example#t',
      {
        name: 't',
        type: 'trojan',
        password: 'secret',
        sni: 'cdn.example',
        'skip-cert-verify': true,
        network: 'ws',
        'ws-opts': { path: '/ws', headers: { Host: 'h.example' } },
      },
    ],
    [
      vmess({
        v: '2',
        ps: '香港',
        add: 'v.example',
        port: '443',
        id: uuid,
        aid: 0,
        net: 'ws',
        host: 'h.example',
        path: '/p',
        tls: 'tls',
      }),
      {
        name: '香港',
        type: 'vmess',
        server: 'v.example',
        port: 443,
        uuid,
        alterId: 0,
        cipher: 'auto',
        tls: true,
        servername: 'h.example',
        network: 'ws',
      },
    ],
    [
      vmess({ ps: 'n', add: '2001:db8::1', port: 80, id: uuid, aid: '2', net: 'tcp', type: 'none' }),
      { server: '2001:db8::1', alterId: 2 },
    ],
    [
      `vmess://${uuid}@v.example:443?security=tls&type=grpc&serviceName=s#u`,
      { type: 'vmess', uuid, network: 'grpc', 'grpc-opts': { 'grpc-service-name': 's' } },
    ],
    [
      `vless://${uuid}@v.example:443?security=reality&pbk=KEY&sid=ab&sni=www.example&fp=chrome&flow=xtls-rprx-vision#v`,
      {
        type: 'vless',
        uuid,
        tls: true,
        flow: 'xtls-rprx-vision',
        servername: 'www.example',
        'client-fingerprint': 'chrome',
        'reality-opts': { 'public-key': 'KEY', 'short-id': 'ab' },
      },
    ],
    [
      'hysteria2://pass@h.example:8443,9000-9100/?obfs=salamander&obfs-password=x&sni=s.example&insecure=1#h2',
      { name: 'h2', type: 'hysteria2', port: 8443, password: 'pass', obfs: 'salamander', 'skip-cert-verify': true },
    ],
    ['hy2://pass@h.example#h2', { type: 'hysteria2', server: 'h.example', port: 443 }],
    [
      `tuic://${uuid}:pass@t.example:443?congestion_control=bbr&alpn=h3#t`,
      { type: 'tuic', uuid, password: 'pass', 'congestion-controller': 'bbr', alpn: ['h3'] },
    ],
    [
      'wireguard://PRIVATE%3D@w.example:51820?publickey=PUBLIC%3D&address=10.0.0.2%2F32,2001:db8::2%2F128&mtu=1280&reserved=1,2,3#w',
      {
        type: 'wireguard',
        'private-key': 'PRIVATE=',
        'public-key': 'PUBLIC=',
        ip: '10.0.0.2',
        ipv6: '2001:db8::2',
        mtu: 1280,
        reserved: [1, 2, 3],
      },
    ],
    ['anytls://pass@a.example:8443?sni=s.example#a', { type: 'anytls', password: 'pass', sni: 's.example' }],
  ])('%s', (link, node) => {
    expect(readShareLink(link)).toMatchObject(node);
  });

  test.each([
    '',
    'hello',
    'ss://',
    'ss://nothing',
    'vmess://!!!',
    'vmess://e30=',
    'trojan://p@host',
    'trojan://p@host:99999',
    'unknown://a@b:1',
    'ssr://x',
    'https://',
  ])('%s is none', (link) => {
    const node = readShareLink(link);
    // trojan has a usual port.
    if (link === 'trojan://p@host') expect(node).toMatchObject({ port: 443 });
    else expect(node).toBeUndefined();
  });
});

test('any text is a node with a server and a port, or none', () => {
  const schemes = fc.constantFrom(
    'ss',
    'ssr',
    'vmess',
    'vless',
    'trojan',
    'socks5',
    'http',
    'hysteria2',
    'tuic',
    'wireguard',
    'x',
  );
  const rest = fc.oneof(
    fc.string(),
    fc.webUrl().map((url) => url.slice(8)),
    fc.string().map(base64),
    fc.json().map(base64),
  );
  fc.assert(
    fc.property(schemes, rest, (scheme, text) => {
      const node = readShareLink(`${scheme}://${text}`);
      if (node === undefined) return;
      expect(node.name.length).toBeGreaterThan(0);
      expect(node.port).toBeGreaterThan(0);
      expect(node.port).toBeLessThan(65_536);
    }),
    runs(50),
  );
});
