/** What the person chose and the window remembers. Read defensively: an older version or another hand may have written it. */

export const themeChoices = ['system', 'light', 'dark'] as const;
export type ThemeChoice = (typeof themeChoices)[number];
export const languageChoices = ['system', 'en', 'zh-CN'] as const;
export type LanguageChoice = (typeof languageChoices)[number];
/** `auto`: by the width of the window. */
export const sidebarChoices = ['auto', 'wide', 'narrow'] as const;
export type SidebarChoice = (typeof sidebarChoices)[number];

export interface GridSort {
  readonly column: string;
  readonly direction: 'asc' | 'desc';
}

/** How a table was arranged. Ids that a table does not know (any more) are ignored by it. */
export interface GridLayout {
  /** Shown columns in their order; null = as many of the usual ones as have room. */
  readonly columns: readonly string[] | null;
  /** Widths in pixels of columns that were resized. */
  readonly widths: Readonly<Record<string, number>>;
  readonly sort: GridSort;
}

export interface Preferences {
  readonly theme: ThemeChoice;
  readonly language: LanguageChoice;
  readonly sidebar: SidebarChoice;
  readonly grids: Readonly<Record<string, GridLayout>>;
}

export const defaultPreferences: Preferences = { theme: 'system', language: 'system', sidebar: 'auto', grids: {} };

/** The part of `localStorage` that is used. */
export type PreferenceStorage = Pick<Storage, 'getItem' | 'setItem'>;

const storageKey = 'mirage.preferences';

/** Whatever is unreadable falls back to its default, one by one. */
export function readPreferences(storage: PreferenceStorage): Preferences {
  const stored = parseRecord(readItem(storage));
  return {
    theme: oneOf(themeChoices, stored.theme, defaultPreferences.theme),
    language: oneOf(languageChoices, stored.language, defaultPreferences.language),
    sidebar: oneOf(sidebarChoices, stored.sidebar, defaultPreferences.sidebar),
    grids: Object.fromEntries(
      Object.entries(asRecord(stored.grids)).flatMap(([id, value]) => {
        const layout = readLayout(asRecord(value));
        return layout === undefined ? [] : [[id, layout]];
      }),
    ),
  };
}

/** Storage may be full or forbidden: the choice then lasts as long as the window. */
export function writePreferences(storage: PreferenceStorage, preferences: Preferences): void {
  try {
    storage.setItem(storageKey, JSON.stringify(preferences));
  } catch {
    // Nothing to be done about it here.
  }
}

function readItem(storage: PreferenceStorage): string {
  try {
    return storage.getItem(storageKey) ?? '';
  } catch {
    return '';
  }
}

function readLayout(value: Record<string, unknown>): GridLayout | undefined {
  const sort = asRecord(value.sort);
  if (typeof sort.column !== 'string') return undefined;
  return {
    columns: Array.isArray(value.columns) ? value.columns.filter((id) => typeof id === 'string') : null,
    widths: Object.fromEntries(
      Object.entries(asRecord(value.widths)).filter((pair): pair is [string, number] => Number.isFinite(pair[1])),
    ),
    sort: { column: sort.column, direction: sort.direction === 'asc' ? 'asc' : 'desc' },
  };
}

function parseRecord(text: string): Record<string, unknown> {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return {};
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function oneOf<T extends string>(choices: readonly T[], value: unknown, fallback: T): T {
  return choices.find((choice) => choice === value) ?? fallback;
}
