/**
 * Links by which web pages ask a Clash client to add a profile: `clash://install-config?url=ADDRESS&name=NAME`. Everything in them was
 * written by somebody else, so only an https address is taken, and never without a question. Pure.
 */
import { parseUrl } from '../base/parse-url.ts';
import { maxAddress, maxProfileName, type ProfileOffer } from '../contract/profile-import.ts';

/** Schemes that such links have; the app is registered for them. */
export const installSchemes = ['clash', 'mirage'] as const;

export type InstallLink =
  | ({ readonly kind: 'offer' } & ProfileOffer)
  | { readonly kind: 'refused'; readonly reason: 'LINK_FORM' | 'LINK_NOT_HTTPS' };

/** Undefined for a text that is not a link with one of our schemes. */
export function readInstallLink(text: string): InstallLink | undefined {
  const bare = text.trim();
  const [, scheme = '', rest = ''] = /^([a-z]{1,10}):(.*)$/is.exec(bare) ?? [];
  if (!installSchemes.some((each) => each === scheme.toLowerCase())) return undefined;
  // Browsers and desktops write the part before the question mark with or without a slash.
  const [, query = ''] = /^\/\/install-config\/?\?(.*)$/is.exec(rest) ?? [];
  if (query === '' || bare.length > 2 * maxAddress) return { kind: 'refused', reason: 'LINK_FORM' };
  const params = new URLSearchParams(query);
  const address = params.get('url')?.trim() ?? '';
  const url = parseUrl(address);
  if (url === undefined || url.href.length > maxAddress) return { kind: 'refused', reason: 'LINK_FORM' };
  if (url.protocol !== 'https:' || url.hostname === '') return { kind: 'refused', reason: 'LINK_NOT_HTTPS' };
  const name = nameIn(params.get('name') ?? '');
  const hidden = [url.search, url.hash, url.username, url.password].some((part) => part !== '');
  const { href, host, pathname: path } = url;
  return { kind: 'offer', url: href, host, path, hidden, ...(name === '' ? {} : { name }) };
}

/** Without what would not be seen, or would turn the text around. */
function nameIn(text: string): string {
  return text
    .slice(0, maxProfileName)
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .trim();
}
