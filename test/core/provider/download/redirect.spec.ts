import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { distanceOfAddress, distanceOfHost } from '../../../../core/base/nearness.ts';
import { assertMayLead, headersAcross } from '../../../../core/provider/download/redirect.ts';

const world = distanceOfHost('sub.example.com');

/** Spellings that the URL standard knows of hosts that only we can reach; the nearest first. */
const near = [
  ['127.0.0.1', '127.9.9.9', '2130706433', '0x7f.1', '0177.0.0.1', '127.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost'],
  ['LOCALHOST.', 'x.localhost', '0.0.0.0', '0', '[::]', '[64:ff9b::7f00:1]', '255.255.255.255', '224.0.0.1'],
  ['169.254.169.254', '[fe80::1]', '[::ffff:169.254.1.1]'],
  ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '[fd00::1]', '[::ffff:a00:1]', '0xa000001'],
  ['nas', 'router.lan', 'x.local', 'fritz.box', 'printer.home.arpa', 'a.internal', '[64:ff9b::a00:1]'],
].flat();
const far = [
  '192.0.2.1',
  '203.0.113.9',
  '[2001:db8::1]',
  'sub.example.com',
  'xn--bcher-kva.example',
  '172.32.0.1',
  '8.8.8.8',
];

const lead = (from: string, to: string) => () =>
  assertMayLead(new URL(from), new URL(to), distanceOfHost(new URL(from).hostname));

test.each(near)('nobody outside leads to %s', (host) => {
  for (const scheme of ['http', 'https'])
    for (const outside of far)
      expect(lead(`http://${outside}/`, `${scheme}://${host}:8080/x`), outside).toThrow(AppError);
});

test.each(far)('anybody leads to %s', (host) => {
  for (const from of [...near, ...far]) expect(lead(`http://${from}/`, `https://${host}/`)).not.toThrow();
});

test('a near host leads to what is as near or further, not nearer', () => {
  expect(lead('http://127.0.0.1/', 'http://192.168.1.1/')).not.toThrow();
  expect(lead('http://nas.lan/', 'http://192.168.1.1/')).not.toThrow();
  expect(lead('http://192.168.1.1/', 'http://127.0.0.1/')).toThrow(AppError);
  expect(lead('http://192.168.1.1/', 'http://169.254.169.254/')).toThrow(AppError);
});

test('what is refused names no address', () => {
  expect(lead('https://sub.example.com/', 'http://sub.example.com/token')).toThrow(
    expect.objectContaining({ code: 'DOWNLOAD_FAILED', message: expect.not.stringContaining('token') }),
  );
  expect(lead('https://sub.example.com/', 'https://10.0.0.1/token')).toThrow(
    expect.objectContaining({ code: 'DOWNLOAD_FAILED', message: expect.not.stringMatching(/token|10\.0/) }),
  );
});

test('the address that a name was found to have counts as it is; one of our own DNS says nothing', () => {
  expect(distanceOfAddress('10.0.0.1')).toBe(distanceOfHost('10.0.0.1'));
  expect(distanceOfAddress('fe80::1%eth0')).toBe(distanceOfHost('169.254.0.1'));
  expect(distanceOfAddress('::ffff:127.0.0.1')).toBe(distanceOfHost('127.0.0.1'));
  expect(distanceOfAddress('198.18.0.7')).toBe(world);
});

const own = { Authorization: 'Bearer x', 'User-Agent': 'other/1', 'X-Token': 'y', Cookie: 'z=1' };

test.each([
  ['https://a.example/x', 'https://a.example/y?z', own],
  ['https://a.example/', 'https://a.example:443/', own],
  ['http://a.example/', 'https://a.example/', { 'User-Agent': 'other/1' }],
  ['https://a.example/', 'https://a.example:444/', {}],
  ['https://a.example/', 'https://b.a.example/', {}],
  ['https://a.example/', 'https://a.example.evil.example/', {}],
  ['http://a.example/', 'http://b.example/', {}],
])('from %s to %s goes %j', (url, next, goes) => {
  expect(headersAcross(own, new URL(url), new URL(next))).toEqual(goes);
});

test('whatever the way: what is a secret comes back to nobody once it was dropped, and https is never left', () => {
  const host = fc.constantFrom('a.example', 'b.example', 'a.example:8443', '192.0.2.1', '10.0.0.1', 'localhost');
  const url = fc.tuple(fc.constantFrom('http', 'https'), host).map(([scheme, at]) => new URL(`${scheme}://${at}/`));
  fc.assert(
    fc.property(url, fc.array(url, { maxLength: 6 }), (first, hops) => {
      let [at, headers, from] = [first, own as Readonly<Record<string, string>>, 0];
      for (const next of hops) {
        from = Math.max(from, distanceOfHost(at.hostname));
        try {
          assertMayLead(at, next, from);
        } catch {
          break;
        }
        expect(at.protocol === 'https:' && next.protocol === 'http:').toBe(false);
        expect(distanceOfHost(next.hostname)).toBeGreaterThanOrEqual(from);
        headers = headersAcross(headers, at, next);
        at = next;
        if ('Authorization' in headers) expect(at.origin).toBe(first.origin);
        if (at.hostname !== first.hostname) expect(headers).toEqual({});
      }
    }),
  );
});
