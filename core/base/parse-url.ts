/** A URL of a text that may be none. */

/** Undefined where it is none. `URL.canParse` says it too, but not in the Node 18 of older desktop runtimes. */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
