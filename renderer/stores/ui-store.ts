/** The window's own state: preferences (remembered), the page shown, what was searched for where. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import {
  type GridLayout,
  type PreferenceStorage,
  type Preferences,
  readPreferences,
  writePreferences,
} from './preferences.ts';

export const pages = [
  'overview',
  'proxies',
  'profiles',
  'providers',
  'connections',
  'rules',
  'mappings',
  'dns',
  'settings',
] as const;
export type PageName = (typeof pages)[number];

export interface UiState {
  readonly preferences: Preferences;
  readonly page: PageName;
  /** Search text per page, kept while the window lives. */
  readonly searches: Readonly<Partial<Record<PageName, string>>>;
  readonly scope: ConnectionScope;
}

/** Which of the connections are shown. */
export const connectionScopes = ['active', 'closed', 'all'] as const;
export type ConnectionScope = (typeof connectionScopes)[number];

/** The part of `location` that is used: the page is the fragment, so that links and the back button work. */
export interface PageLocation {
  hash: string;
}

export class UiStore {
  readonly store: StoreApi<UiState>;
  readonly #location: PageLocation;
  readonly #storage: PreferenceStorage;

  constructor(storage: PreferenceStorage, location: PageLocation) {
    this.#storage = storage;
    this.#location = location;
    this.store = createStore<UiState>(() => ({
      preferences: readPreferences(storage),
      page: pageOfHash(location.hash),
      searches: {},
      scope: 'active',
    }));
  }

  prefer(change: Partial<Preferences>): void {
    const preferences = { ...this.store.getState().preferences, ...change };
    this.store.setState({ preferences });
    writePreferences(this.#storage, preferences);
  }

  arrangeGrid(id: string, layout: GridLayout): void {
    const { grids } = this.store.getState().preferences;
    this.prefer({ grids: { ...grids, [id]: layout } });
  }

  search(page: PageName, text: string): void {
    this.store.setState(({ searches }) => ({ searches: { ...searches, [page]: text } }));
  }

  showScope(scope: ConnectionScope): void {
    this.store.setState({ scope });
  }

  /** Shows a page, with a search if one is given: then among connections that have ended, too. */
  open(page: PageName, search?: string): void {
    if (search !== undefined) this.search(page, search);
    if (search !== undefined && page === 'connections') this.showScope('all');
    this.#location.hash = `#/${page}`;
    this.store.setState({ page });
  }

  /** To be called when the fragment changed by itself (link, back button). */
  followLocation(): void {
    this.store.setState({ page: pageOfHash(this.#location.hash) });
  }
}

function pageOfHash(hash: string): PageName {
  return pages.find((page) => hash === `#/${page}`) ?? 'overview';
}
