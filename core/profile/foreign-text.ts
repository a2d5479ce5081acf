/**
 * What a text is that is not a profile: people store what their provider's address gave them, which may be the form for another
 * client, a page that asks to sign in, or an error. Pure; says nothing about texts that may be profiles.
 */
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import type { Hint } from './problem-list.ts';

export interface ForeignText {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  readonly hint: Hint;
}

/** Characters from the beginning in which such a text shows itself. */
const headLength = 4096;

const linkSchemes =
  /^(anytls|hy2|hysteria2?|juicity|mieru|naive(?:\+https)?|snell|socks5?|ssh?|ssr|trojan|tuic|vless|vmess|warp|wg|wireguard):\/\/\S/i;

/** How the scripts of other clients begin (`function main(config)`); `/*` opens a comment there, and nothing in YAML. */
const scriptStart =
  /^(?:\/\*|#!|["']use strict["']|export\s+(?:default|const|function|async)\b|module\.exports\b|(?:async\s+)?function\s*\w*\s*\(|(?:const|let|var)\s+\w+\s*=|import\s.+\sfrom\s|def\s+\w+\s*\()/;

/** Recognises a text before it is read as YAML: none of these is a map in YAML. */
export function foreignText(text: string): ForeignText | undefined {
  const head = text.slice(0, headLength).trimStart();
  if (/^<(?:!doctype|!--|\?xml|html|head|body|title|center|script)\b/i.test(head)) {
    return foreign('TEXT_IS_PAGE', { title: titleOf(head) });
  }
  const lines = head.split(/\r?\n/).map((line) => line.trim());
  const first = lines.find((line) => line !== '' && !/^(?:#|;|\/\/)/.test(line)) ?? '';
  if (scriptStart.test(first)) return foreign('TEXT_IS_SCRIPT', {}, 'OVERRIDE_FORM');
  const scheme = linkSchemes.exec(first)?.[1];
  if (scheme !== undefined) return foreign('TEXT_IS_LINKS', { scheme: scheme.toLowerCase() });
  if (/^https?:\/\/[^\s:]+(?::\d+)?(?:\/\S*)?$/i.test(first)) return foreign('TEXT_IS_ADDRESS', {});
  if (/^\[[A-Za-z_ -]+\]$/.test(first) && lines.some((line) => /^[^=#:]+=/.test(line))) {
    return foreign('TEXT_IS_OTHER', { client: 'Surge, Loon or Quantumult X' });
  }
  return isBase64(text) ? foreign('TEXT_IS_BASE64', {}) : undefined;
}

/** Recognises a map by its keys, where none is a profile's; `textOf` gives the text of a value. */
export function foreignMap(
  keys: readonly string[],
  textOf: (key: string) => string | undefined,
): ForeignText | undefined {
  const has = (...some: string[]): boolean => some.some((key) => keys.includes(key));
  if (has('proxies', 'proxy-providers', 'proxy-groups', 'rules', 'dns', 'tun', 'port', 'mixed-port', 'mode')) {
    return undefined;
  }
  if (has('outbounds', 'inbounds')) return foreign('TEXT_IS_OTHER', { client: 'sing-box or Xray' });
  if (keys.length === 1 && has('payload')) return foreign('TEXT_IS_RULES', {});
  const told = ['message', 'msg', 'error', 'error_description', 'detail'].flatMap((key) => textOf(key) ?? [])[0];
  if (told === undefined || keys.length > 8) return undefined;
  return foreign('TEXT_IS_ANSWER', { answer: told.slice(0, 100) });
}

function foreign(code: ProblemCode, values: ProblemValues, hint: Hint = 'CLASH_FORM'): ForeignText {
  return { code, values, hint };
}

function titleOf(page: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(page)?.[1]?.replaceAll(/\s+/g, ' ').trim() ?? '';
  return title === '' ? 'HTML' : title.slice(0, 100);
}

/** Whether the whole text is base64 (RFC 4648, either alphabet), in lines or not; a word alone is not taken for it. */
function isBase64(text: string): boolean {
  const bare = text.trim();
  return bare.length >= 32 && /^[A-Za-z0-9+/_-]+(?:\r?\n[A-Za-z0-9+/_-]+)*={0,2}$/.test(bare) && /\d|[+/=]/.test(bare);
}
