/** The text of resolv.conf(5): pure. What we write also carries what was there before, so that it can undo itself. */
import type { Ip } from '../../../base/address.ts';
import { formatScopedIp, parseScopedIp } from '../../../base/scoped-address.ts';
import type { DnsSettings } from '../../system-dns.ts';
import type { ResolvConfState } from '../../undo-record.ts';

/** The first line of every file we write; by it we know our own even when the journal is lost. */
const header = '# Written by Mirage while it answers DNS; turning it off puts back what was here before:';
const beforeLine = '#| ';
const beforeLink = '#-> ';

/** The file that makes programs ask our server, keeping the other settings (search, domain, options, sortlist). */
export function renderResolvConf(previous: ResolvConfState, settings: DnsSettings): string {
  const content = contentOf(previous);
  const search = settings.search === undefined ? [] : [`search ${settings.search.join(' ')}`];
  const kept = linesOf(content).filter((line) => {
    const keyword = keywordOf(line);
    if (keyword === 'search' || keyword === 'domain') return settings.search === undefined;
    return keyword === 'options' || keyword === 'sortlist';
  });
  return `${[header, ...embed(previous), `nameserver ${settings.server}`, ...search, ...kept].join('\n')}\n`;
}

/** Whether this file was written by us. */
export function isOurs(content: string): boolean {
  return content.startsWith(`${header}\n`);
}

/**
 * What was there before a file that we wrote, or before a link to a copy of it; undefined for any other state. We keep mode and
 * owner, so they are known of the file.
 */
export function embeddedPrevious(state: ResolvConfState): ResolvConfState | undefined {
  const content = contentOf(state);
  if (!isOurs(content)) return undefined;
  const lines = content.split('\n').slice(1);
  const link = lines.find((line) => line.startsWith(beforeLink));
  if (link !== undefined) return { kind: 'link', target: link.slice(beforeLink.length), content: null };
  const before = lines.filter((line) => line.startsWith(beforeLine)).map((line) => line.slice(beforeLine.length));
  if (before.length === 0) return { kind: 'missing' };
  const file = state.kind === 'file' ? state : ({ kind: 'file', mode: 0o644, uid: 0, gid: 0 } as const);
  return { ...file, content: before.join('\n') };
}

/** The servers a file names, in order, each once: addresses, link-local ones with their zone. What is none is skipped as resolvers do. */
export function nameserversOf(content: string): string[] {
  return [...new Set(linesOf(content).flatMap((line) => serverOf(line) ?? []))];
}

/** The words of all `options` lines (resolv.conf(5)), in order. */
export function optionsOf(content: string): string[] {
  return linesOf(content)
    .filter((line) => keywordOf(line) === 'options')
    .flatMap((line) => wordsOf(line).slice(1));
}

/** The search list as written; the last line that gives one counts, as `domain` or `search` (resolv.conf(5)). */
export function searchListOf(content: string): string[] {
  const lines = linesOf(content).filter((line) => ['search', 'domain'].includes(keywordOf(line)));
  const domains = wordsOf(lines.at(-1) ?? '').slice(1);
  return domains.filter((domain) => domain !== '.');
}

/** The file without the lines that name one of these servers; every other byte stays. */
export function withoutServers(content: string, servers: readonly Ip[]): string {
  return content
    .split(/(?<=\n)/)
    .filter((line) => {
      const ip = serverOf(line);
      return ip === undefined || !servers.includes(ip);
    })
    .join('');
}

/** What a state says to resolvers; empty when there is nothing to read. */
export function contentOf(state: ResolvConfState): string {
  return state.kind === 'missing' ? '' : (state.content ?? '');
}

/** Every line apart, so that the final newline (or its absence) is told too. */
function embed(previous: ResolvConfState): string[] {
  if (previous.kind === 'missing') return [];
  if (previous.kind === 'link') return [`${beforeLink}${previous.target}`];
  return previous.content.split('\n').map((line) => `${beforeLine}${line}`);
}

function serverOf(line: string): string | undefined {
  if (keywordOf(line) !== 'nameserver') return undefined;
  const word = wordsOf(line)[1] ?? '';
  const scoped = parseScopedIp(word);
  return scoped === undefined ? ipOfNumbers(word) : formatScopedIp(scoped);
}

/** As inet_aton(3) reads it: up to four numbers, also octal (0…) and hexadecimal (0x…), of which the last fills what is left. */
function ipOfNumbers(word: string): string | undefined {
  const parts = word.split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(part))) return undefined;
  const numbers = parts.map((part) => Number(/^0\d/.test(part) ? `0o${part}` : part));
  const rest = numbers.pop() ?? 0;
  const left = 4 - numbers.length;
  if (rest >= 256 ** left || numbers.some((number) => number > 255)) return undefined;
  const last = Array.from({ length: left }, (_, i) => Math.floor(rest / 256 ** (left - 1 - i)) % 256);
  return [...numbers, ...last].join('.');
}

/** What follows `#` or `;` on a line is a word like others to the C library; nobody means it so. */
function wordsOf(line: string): string[] {
  const words = line.trim().split(/\s+/);
  const comment = words.findIndex((word) => /^[#;]/.test(word));
  return comment < 0 ? words : words.slice(0, comment);
}

function linesOf(content: string): string[] {
  return content.split(/\r?\n/).filter((line) => line !== '');
}

/** As the C library reads: the keyword begins the line and is followed by white space. */
function keywordOf(line: string): string {
  return /^([a-z]+)[ \t]/.exec(line)?.[1] ?? '';
}
