/**
 * The second half of a browser's session, which no cookie carries: it came in the fragment of the page's first address, and
 * is kept where only pages of this origin, port included, can read it (HTML, "Web storage").
 */

export interface KeyPlaces {
  readonly location: { readonly hash: string; readonly pathname: string };
  readonly history: { replaceState(data: unknown, unused: string, url: string): void };
  /** Throws where pages may store nothing. */
  readonly storage: () => { getItem(name: string): string | null; setItem(name: string, value: string): void };
}

const name = 'mirage-session-key';

/** Takes the key out of the address bar, if one is there, and keeps it; else returns the kept one, or nothing. */
export function takeSessionKey({ location, history, storage }: KeyPlaces): string {
  const arrived = /^#key=([\w-]{20,64})$/.exec(location.hash)?.[1];
  if (arrived !== undefined) history.replaceState(null, '', location.pathname);
  try {
    if (arrived === undefined) return storage().getItem(name) ?? '';
    storage().setItem(name, arrived);
  } catch {
    // Kept for as long as the page lives, then.
  }
  return arrived ?? '';
}
