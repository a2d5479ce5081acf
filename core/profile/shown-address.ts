/** Addresses of subscriptions as people may see them. The whole one is a secret: who has it has the nodes. Pure. */

import { parseUrl } from '../base/parse-url.ts';

/** What stands in the paths of such addresses and is no secret; every other part may be the token. */
const usualWords = new Set(
  `api app c cdn clash client config configs download export file files get link list mihomo node nodes output profile
  profiles providers proxies proxy public raw rule rules s share static sub subs subscribe subscription user users web`.split(
    /\s+/,
  ),
);

/** Scheme, host and path, without login, query, fragment, and whatever in the path is not a usual word. */
export function shownAddress(address: string): string {
  const url = parseUrl(address);
  if (url === undefined) return '…';
  const path = url.pathname.split('/').map(shownPart).join('/');
  return `${url.protocol}//${url.host}${path}${url.search === '' ? '' : '?…'}`;
}

function shownPart(part: string): string {
  const [, name = '', ending = ''] = /^(.*?)(\.(?:ya?ml|txt|conf|php|json))?$/.exec(part) ?? [];
  if (name === '' || usualWords.has(name.toLowerCase()) || /^v\d{1,2}$/.test(name)) return part;
  return `…${ending}`;
}
