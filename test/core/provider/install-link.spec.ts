import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readInstallLink } from '../../../core/provider/install-link.ts';
import { runs } from '../../support/runs.ts';

const address = 'https://sub.example/api/v1?token=1&flag=clash';

describe('links that ask for a profile', () => {
  test.each([
    [`clash://install-config?url=${encodeURIComponent(address)}&name=My%20Sub`, { url: address, name: 'My Sub' }],
    [`CLASH://install-config/?url=${encodeURIComponent(address)}`, { url: address }],
    [
      `mirage://install-config?name=%E6%9C%BA%E5%9C%BA&url=${encodeURIComponent(address)}`,
      { url: address, name: '机场' },
    ],
    // Not encoded, as many sites write it: what follows the first & is not part of the address, as in Clash.
    ['clash://install-config?url=https://sub.example/x?token=1', { url: 'https://sub.example/x?token=1' }],
    [' clash://install-config?url=https%3A%2F%2Fb%C3%BCcher.example%2Fx ', { url: 'https://xn--bcher-kva.example/x' }],
  ])('%s', (link, wanted) => {
    const found = readInstallLink(link);
    expect(found).toMatchObject({ kind: 'offer', ...wanted, host: new URL(wanted.url).host });
  });

  test.each([
    ['clash://install-config?url=http%3A%2F%2Fsub.example%2Fx', 'LINK_NOT_HTTPS'],
    ['clash://install-config?url=file%3A%2F%2F%2Fetc%2Fpasswd', 'LINK_NOT_HTTPS'],
    ['clash://install-config?url=javascript%3Aalert(1)', 'LINK_NOT_HTTPS'],
    ['clash://install-config?url=', 'LINK_FORM'],
    ['clash://install-config', 'LINK_FORM'],
    ['clash://quit', 'LINK_FORM'],
    ['mirage://enhanced?on=true', 'LINK_FORM'],
    [`clash://install-config?url=https://a.example/${'x'.repeat(9000)}`, 'LINK_FORM'],
  ])('%s is refused', (link, reason) => {
    expect(readInstallLink(link)).toEqual({ kind: 'refused', reason });
  });

  test.each(['', 'https://sub.example/x', 'clashx://install-config?url=https://a.example', '--enhanced', 'clash'])(
    '%j is none',
    (text) => expect(readInstallLink(text)).toBeUndefined(),
  );

  test('names are shown as they are: what is not seen is taken out', () => {
    const hidden = `clash://install-config?url=https://a.example/x&name=${encodeURIComponent('a\u202eb\u0000\u200bc\n')}`;
    expect(readInstallLink(hidden)).toMatchObject({ name: 'abc' });
  });

  test('whatever comes, an offer is an https address with its host, and nothing throws', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        'https://',
        'http://',
        'url=',
        'name=',
        '&',
        '?',
        '%',
        '@',
        '://',
        '\\',
        '\u202e',
        'install-config',
      ),
      fc.webUrl(),
    );
    const link = fc.array(part, { maxLength: 8 }).map((parts) => `clash://install-config?url=${parts.join('')}`);
    fc.assert(
      fc.property(fc.oneof(link, fc.string({ unit: 'binary' })), (text) => {
        const found = readInstallLink(text);
        if (found?.kind !== 'offer') return;
        const url = new URL(found.url);
        expect([url.protocol, url.host]).toEqual(['https:', found.host]);
        expect(found.host).not.toBe('');
        // What is shown leads nowhere else, and has nothing of a key in it.
        expect(`https://${found.host}${found.path}`).toBe(url.origin + url.pathname);
        expect(found.hidden || url.href.replace(/[?#]*$/, '') === url.origin + url.pathname).toBe(true);
        expect(found.name ?? 'x').toMatch(/^\P{C}{1,90}$/u);
      }),
      runs(150),
    );
  });
});
