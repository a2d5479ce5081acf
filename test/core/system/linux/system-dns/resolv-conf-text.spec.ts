import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  embeddedPrevious,
  isOurs,
  nameserversOf,
  optionsOf,
  renderResolvConf,
  withoutServers,
} from '../../../../../core/system/linux/system-dns/resolv-conf-text.ts';
import type { ResolvConfState } from '../../../../../core/system/undo-record.ts';

const file = (content: string): ResolvConfState => ({ kind: 'file', content, mode: 0o644, uid: 0, gid: 0 });
const server = '198.18.0.2';

describe('what we write', () => {
  test('our server, the other settings as they were, and what was there before as comments', () => {
    const before = '# from DHCP\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch a.example b\noptions timeout:2';
    expect(renderResolvConf(file(before), { server })).toBe(
      `# Written by Mirage while it answers DNS; turning it off puts back what was here before:
#| # from DHCP
#| nameserver 10.0.0.1
#| nameserver fe80::1%eth0
#| search a.example b
#| options timeout:2
nameserver 198.18.0.2
search a.example b
options timeout:2
`,
    );
  });

  test('a wanted search list replaces search and domain, and nothing else', () => {
    const before = file('domain old.example\nsearch old.example\nsortlist 10.0.0.0\n');
    expect(
      renderResolvConf(before, { server, search: ['new.example', 'b'] })
        .split('\n')
        .slice(5),
    ).toEqual(['nameserver 198.18.0.2', 'search new.example b', 'sortlist 10.0.0.0', '']);
  });

  test('a link and a missing file are remembered as such', () => {
    const link: ResolvConfState = { kind: 'link', target: '../run/x y/resolv.conf', content: 'nameserver 10.0.0.1\n' };
    expect(embeddedPrevious(file(renderResolvConf(link, { server })))).toEqual({ ...link, content: null });
    expect(embeddedPrevious(file(renderResolvConf({ kind: 'missing' }, { server })))).toEqual({ kind: 'missing' });
    expect(embeddedPrevious(file('nameserver 10.0.0.1\n'))).toBeUndefined();
    expect(embeddedPrevious({ kind: 'missing' })).toBeUndefined();
  });

  test('whatever bytes stood there come back exactly, and only our server is named', () => {
    const line = fc.oneof(
      fc.constantFrom('nameserver 10.0.0.1', '#| nameserver 1.1.1.1', '#-> x', 'search a', 'options', ''),
      fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
    );
    fc.assert(
      fc.property(fc.array(line), fc.boolean(), (lines, newline) => {
        const before = file(lines.join('\n') + (newline ? '\n' : ''));
        const ours = renderResolvConf(before, { server });
        expect(embeddedPrevious(file(ours))).toEqual(before);
        expect(nameserversOf(ours)).toEqual([server]);
        expect(isOurs(ours)).toBe(true);
      }),
    );
  });
});

describe('reading', () => {
  test('servers as the C library sees them', () => {
    expect(
      nameserversOf(
        'nameserver 10.0.0.1\r\n nameserver 10.0.0.2\nnameserver\t2001:DB8::1 # comment\n#nameserver 10.0.0.3\nnameserver\nnameserver localhost\nnameserver10.0.0.4\n',
      ),
    ).toEqual(['10.0.0.1', '2001:db8::1']);
  });

  test('link-local servers with their zone, each server once, and the options of all lines', () => {
    const text =
      'nameserver fe80::53%eth0\nnameserver FE80::53%eth1 # the other link\nnameserver 10.0.0.1;x\nnameserver fe80::53%eth0\noptions timeout:2 # two\n; options rotate\noptions\tattempts:3 use-vc\noptionsx:1\n';
    expect(nameserversOf(text)).toEqual(['fe80::53%eth0', 'fe80::53%eth1']);
    expect(optionsOf(text)).toEqual(['timeout:2', 'attempts:3', 'use-vc']);
    expect(withoutServers(text, ['fe80::53%eth0']).split('\n')).toHaveLength(text.split('\n').length - 2);
  });

  test.each([
    ['10.20.1', '10.20.0.1'],
    ['10.1', '10.0.0.1'],
    ['0x0a140001', '10.20.0.1'],
    ['169082881', '10.20.0.1'],
    ['10.0x14.00.01', '10.20.0.1'],
    ['127.1', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['10.20.65536', undefined],
    ['10.256.1', undefined],
    ['1.2.3.4.5', undefined],
    ['10..1', undefined],
    ['10.20.', undefined],
    ['08.1', undefined],
    ['4294967296', undefined],
    ['1e3', undefined],
    ['-1', undefined],
  ])('a server in the spelling of inet_aton(3): %s', (word, address) => {
    expect(nameserversOf(`nameserver ${word}\n`)).toEqual(address === undefined ? [] : [address]);
  });

  test('taking servers out leaves every other byte', () => {
    expect(withoutServers('# x\nnameserver 198.18.0.2\r\nnameserver 10.0.0.1\noptions a', [server])).toBe(
      '# x\nnameserver 10.0.0.1\noptions a',
    );
  });
});
