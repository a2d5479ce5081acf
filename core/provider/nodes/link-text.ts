/** What links are made of: base64 in either alphabet, percent-encoding, addresses; and what becomes of them. */

/** A node as `proxies` has it. */
export interface LinkedNode {
  readonly name: string;
  readonly type: string;
  readonly server: string;
  readonly port: number;
  readonly [key: string]: unknown;
}

/** UTF-8 text in base64 (RFC 4648, either alphabet, padded or not); undefined when it is none. */
export function fromBase64(text: string): string | undefined {
  const written = text.replaceAll(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
  let length = written.length;
  while (written[length - 1] === '=') length -= 1;
  const bare = written.slice(0, length);
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bare, 'base64'));
  } catch {
    return undefined;
  }
}

/** Percent-encoding undone; as it is where it is malformed. */
export function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `host:port`, IPv6 in brackets; undefined when either is missing. */
export function hostAndPort(text: string): { readonly server: string; readonly port: number } | undefined {
  const [, v6, name, digits] =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]/?#@]+)):(\d{1,5})(?:[,-][\d,-]*)?\/?$/.exec(text) ?? [];
  const server = v6 ?? name;
  const port = Number(digits);
  return server === undefined || !(port >= 1 && port <= 65_535) ? undefined : { server, port };
}

/** Name of a node: what stands behind `#`, else its address. */
export function nameOf(fragment: string, server: string, port: number): string {
  const name = unescaped(fragment.replaceAll('+', ' ')).trim();
  return name === '' ? `${server}:${port}` : name.slice(0, 200);
}

/** Only what has a value. */
export function present(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined && value !== ''));
}

/** A link cut into its parts: `scheme://head?query#fragment`. */
export function partsOf(link: string): {
  readonly head: string;
  readonly query: URLSearchParams;
  readonly fragment: string;
} {
  const rest = link.slice(link.indexOf('://') + 3);
  const hash = rest.indexOf('#');
  const fragment = hash < 0 ? '' : rest.slice(hash + 1);
  const before = hash < 0 ? rest : rest.slice(0, hash);
  const mark = before.indexOf('?');
  return {
    head: mark < 0 ? before : before.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : before.slice(mark + 1)),
    fragment,
  };
}
