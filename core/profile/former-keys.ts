/** Names that keys of the top level had in the first versions of Clash, and the singular: they can only mean these keys. */
export const formerKeys: Readonly<Record<string, readonly string[]>> = {
  proxies: ['proxy'],
  'proxy-groups': ['proxy-group', 'proxygroups', 'proxygroup'],
  'proxy-providers': ['proxy-provider'],
  'rule-providers': ['rule-provider'],
  rules: ['rule'],
};

/**
 * As it is compared with the known ones: in any case, with "-" for what is written for it, and without signs that nobody sees,
 * such as a byte order mark where two files were joined.
 */
export function plainKey(written: string): string {
  return written
    .replaceAll(/[\u200b-\u200f\u2060\ufeff]/g, '')
    .toLowerCase()
    .replaceAll(/[_ ]/g, '-');
}
