/** Whether the window reaches the app process at all: always in Electron, not always in a browser tab. */

export type HomeState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** The app process does not answer; the next try is at `retryAt` (Unix milliseconds). */
  | { readonly kind: 'lost'; readonly retryAt: number }
  /** The session cookie is missing or no longer valid: only a new link helps. */
  | { readonly kind: 'unauthorized' };

export interface HomeLink {
  readonly state: HomeState;
  /** Calls the handler after every change of `state`. */
  onChange(handler: () => void): () => void;
  /** Tries again at once instead of at `retryAt`. */
  retry(): void;
}

/** The link of a window whose app process is its own parent. */
export const electronHomeLink: HomeLink = {
  state: { kind: 'open' },
  onChange: () => () => undefined,
  retry: () => undefined,
};
