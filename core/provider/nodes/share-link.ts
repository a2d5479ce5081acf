/**
 * Links to proxies as people pass them on (`ss://`, `vmess://`, ...) to nodes in the spelling of a profile. The forms are the usual
 * ones of clients; what a link does not say is left out. Pure, and bounded by the length of the text.
 */
import type { LinkedNode } from './link-text.ts';
import { readShadowsocks, readShadowsocksR } from './shadowsocks-link.ts';
import { readUrlLink } from './url-link.ts';
import { readVmess } from './vmess-link.ts';

/** Characters of one link. */
const maxLink = 16_384;

const scheme = /^([a-z][a-z0-9+.-]{1,20}):\/\//i;

/** Undefined for what is not a link, and one that says no server. */
export function readShareLink(line: string): LinkedNode | undefined {
  const text = line.trim();
  const kind = scheme.exec(text)?.[1]?.toLowerCase();
  if (kind === undefined || text.length > maxLink) return undefined;
  switch (kind) {
    case 'ss':
      return readShadowsocks(text);
    case 'ssr':
      return readShadowsocksR(text);
    case 'vmess':
      return readVmess(text) ?? readUrlLink('vmess', text);
    default:
      return readUrlLink(kind, text);
  }
}

/** Whether every line that is not empty or a comment looks like a link. */
export function isLinkList(text: string): boolean {
  const lines = linesOf(text);
  return lines.length > 0 && lines.every((line) => scheme.test(line) && line.length <= maxLink);
}

export function linesOf(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('//'));
}
