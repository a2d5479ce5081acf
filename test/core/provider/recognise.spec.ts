import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recognisedSchema } from '../../../core/contract/profile-import.ts';
import { recognise } from '../../../core/provider/recognise.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const vmess = `vmess://${base64(JSON.stringify({ v: '2', ps: 'V', add: '192.0.2.1', port: '443', id: '11111111-2222-4333-8444-555555555555', aid: '0', net: 'tcp' }))}`;
const links = {
  ss: `ss://${base64('aes-128-gcm:secret')}@192.0.2.1:8388#S`,
  ssr: `ssr://${base64(`192.0.2.1:8388:origin:aes-128-cfb:plain:${base64('secret')}/?remarks=${base64('R')}`)}`,
  socks5: 'socks5://192.0.2.1:1080#K',
  http: 'http://user:pass@192.0.2.1:8080#H',
  trojan: 'trojan://secret@192.0.2.1:443?sni=a.example#T',
  vmess,
  vless: 'vless://11111111-2222-4333-8444-555555555555@192.0.2.1:443?security=tls#L',
  hysteria2: 'hysteria2://secret@192.0.2.1:443#Y',
  tuic: 'tuic://11111111-2222-4333-8444-555555555555:secret@192.0.2.1:443#U',
  wireguard: 'wireguard://key@192.0.2.1:51820?publickey=abc&address=10.0.0.2/32#W',
};

describe('what is handed over is recognised', () => {
  test.each(Object.entries(links))('a link to a %s node', (type, link) => {
    expect(recognise(link)).toMatchObject({ kind: 'links', count: 1, unread: 0, nodes: [{ type }] });
  });

  test('several links, plain or in base64, with lines that are not understood', () => {
    const text = `${Object.values(links).join('\n')}\nunknown://x@192.0.2.1:1#?\n`;
    const seen = { kind: 'links', count: 10, unread: 1 };
    expect(recognise(text)).toMatchObject(seen);
    expect(recognise(base64(text))).toMatchObject(seen);
    expect(recognise('unknown://x@192.0.2.1:1#?')).toEqual({ kind: 'unknown', reason: 'LINKS_UNREADABLE' });
  });

  test('addresses of subscriptions, and whether others can read what comes from them', () => {
    expect(recognise(' https://sub.example/api?token=1\n')).toEqual({
      kind: 'address',
      url: 'https://sub.example/api?token=1',
      host: 'sub.example',
      secure: true,
    });
    expect(recognise('http://192.0.2.1:8080/a.yaml')).toMatchObject({ secure: false, host: '192.0.2.1:8080' });
    expect(recognise('https://user:pass@sub.example/api')).toMatchObject({ kind: 'address', host: 'sub.example' });
    expect(recognise('clash://install-config?url=https%3A%2F%2Fa.example%2Fx&name=N')).toEqual({
      kind: 'address',
      url: 'https://a.example/x',
      host: 'a.example',
      secure: true,
      path: '/x',
      hidden: false,
      name: 'N',
    });
    expect(recognise('clash://quit')).toEqual({ kind: 'unknown', reason: 'LINK_FORM' });
  });

  test('profiles, with what is in them and what is wrong with them', () => {
    const text = `proxies: [{ name: A, type: socks5, server: 192.0.2.1, port: 1080 }]
proxy-groups: [{ name: G, type: select, proxies: [A] }]
proxy-providers: { p: { type: http, url: 'https://a.example/p' } }
rule-providers: { r: { type: http, behavior: domain, url: 'https://a.example/r' } }
rules: ['RULE-SET,r,G', 'MATCH,G']`;
    expect(recognise(text)).toMatchObject({
      kind: 'profile',
      usable: true,
      proxies: 1,
      groups: 1,
      rules: 2,
      providers: 2,
    });
    const broken = recognise('rules: [\n');
    expect(broken).toMatchObject({ kind: 'profile', usable: false, rules: 0 });
    expect(broken.kind === 'profile' && broken.problems.length).toBeGreaterThan(0);
    expect(recognise('<html><body>login</body></html>')).toMatchObject({ kind: 'profile', usable: false });
    expect(recognise(' \n')).toEqual({ kind: 'unknown', reason: 'EMPTY' });
  });

  test('anything at all has an answer in the form of the contract', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom(...Object.values(links), 'rules:', '\n', 'https://a.example/x ', 'proxies: [', '- ', '#'),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        expect(recognisedSchema.safeParse(recognise(parts.join(''))).success).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
