/**
 * The part of a name that somebody has registered: `example.com` of `www.example.com`. Without the Public Suffix List, by what nearly
 * all registries of countries do: below two letters, a second label such as `co` or `com` belongs to the registry. Who shares a
 * domain with strangers (`github.io`) is not told apart.
 */

const seconds: ReadonlySet<string> = new Set(
  'ac asso co com edu gen go gob gouv gov gub id ind info int ltd me med mil ne net nhs nom or org plc police pro res sch store tm web'.split(
    ' ',
  ),
);

/** Of a normalised name; an address, or a name without a dot, is returned as it is. */
export function registrableDomain(host: string): string {
  if (host.includes(':') || /(?:^|\.)\d+$/.test(host)) return host;
  const labels = host.split('.');
  const [second, top] = labels.slice(-2);
  const isRegistry = top?.length === 2 && second !== undefined && seconds.has(second);
  return labels.slice(isRegistry ? -3 : -2).join('.');
}
