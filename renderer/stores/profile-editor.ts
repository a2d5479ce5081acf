/**
 * The texts that a person is changing: what each was when it was read, what it is now, and what came of the last check. Unsaved ones
 * stay while other pages are shown. Nothing is written over that somebody else has changed meanwhile.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { AppInfo, MirageBridge } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { KnownNames, ProfilePart, ProfileTexts, ProfileTrial } from '../../core/contract/profile-editing.ts';
import { errorDataOf } from '../bridge/error-data.ts';

export interface EditorPlace {
  readonly id: string;
  readonly part: ProfilePart;
}

type KeptText = ProfileTexts['source'];

export interface Draft extends EditorPlace {
  /** What the text was when it was read or saved last. */
  readonly base: KeptText;
  readonly text: string;
  /** Counts changes that did not come from the person's keys: whoever shows the text takes it over. */
  readonly revision: number;
  /** What came of the last check, of whichever text; undefined before the first. */
  readonly trial: ProfileTrial | undefined;
  /** Of the last text that could be understood. */
  readonly names: KnownNames | undefined;
  /** The text is another than the one that was checked. */
  readonly checking: boolean;
  /** Somebody else has changed the kept text meanwhile: this is it now. */
  readonly theirs: KeptText | undefined;
  /** A newer kept text has taken the place of one that nobody had changed here. */
  readonly renewed: boolean;
  /** What saving would do, while that is being shown. */
  readonly review: ProfileTrial | undefined;
  /** Something is asked for that the page waits for. */
  readonly busy: 'review' | 'save' | undefined;
  readonly error: ErrorData | undefined;
}

export interface EditorState {
  /** What is being shown instead of the list. */
  readonly open: EditorPlace | undefined;
  /** Why the text cannot be shown. */
  readonly error: ErrorData | undefined;
  readonly drafts: ReadonlyMap<string, Draft>;
}

export interface ProfileEditorOptions {
  readonly bridge: Pick<MirageBridge, 'call'>;
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Milliseconds without a further key, after which a text is checked; longer where checks take long, up to the second. */
const pauseMs = 250;
const longestPauseMs = 2000;

export const keyOf = ({ id, part }: EditorPlace): string => `${part} ${id}`;
export const isChanged = ({ text, base }: Draft): boolean => text !== base.text;

export class ProfileEditor {
  readonly store: StoreApi<EditorState> = createStore<EditorState>(() => ({
    open: undefined,
    error: undefined,
    drafts: new Map(),
  }));
  readonly #options: ProfileEditorOptions;
  #cancelCheck: () => void = () => undefined;
  /** One check at a time; what is written meanwhile is checked after it. */
  #isChecking = false;
  #pauseMs = pauseMs;
  /** Counts what was opened: answers about something older are dropped. */
  #turn = 0;

  constructor(options: ProfileEditorOptions) {
    this.#options = options;
  }

  /** A text that has been changed is as it was left. */
  async open(place: EditorPlace): Promise<void> {
    this.#turn += 1;
    this.store.setState({ open: place, error: undefined });
    await this.look();
    this.#checkSoon(0);
  }

  /** Unsaved texts stay. */
  leave(): void {
    this.#turn += 1;
    this.#cancelCheck();
    this.store.setState(({ drafts }) => ({
      open: undefined,
      error: undefined,
      drafts: new Map([...drafts].filter(([, draft]) => isChanged(draft))),
    }));
  }

  /** Reads what is kept now: after a while somebody else may have changed it. */
  async look(): Promise<void> {
    const place = this.store.getState().open;
    if (place === undefined) return;
    const turn = this.#turn;
    try {
      const texts = await this.#options.bridge.call('getProfileTexts', { id: place.id });
      if (turn === this.#turn) this.#found(place, texts[place.part]);
    } catch (caught) {
      if (turn === this.#turn) this.store.setState({ error: errorDataOf(caught) });
    }
  }

  #found(place: EditorPlace, kept: KeptText): void {
    const draft = this.#draft(place);
    if (draft === undefined) this.#set(place, { ...newDraft, ...place, base: kept, text: kept.text });
    else if (draft.base.version === kept.version) this.#change(place, { base: kept, theirs: undefined });
    else if (!isChanged(draft) || kept.text === draft.text) {
      const isOther = kept.text !== draft.text;
      const revision = draft.revision + (isOther ? 1 : 0);
      this.#change(place, { base: kept, text: kept.text, revision, renewed: isOther, theirs: undefined });
      if (isOther) this.#checkSoon(0);
    } else this.#change(place, { theirs: kept, review: undefined });
  }

  /** What the person has written. It is checked after a pause. */
  type(place: EditorPlace, text: string): void {
    if (this.#draft(place)?.text === text) return;
    this.#change(place, { text, checking: true, renewed: false, error: undefined });
    this.#checkSoon(this.#pauseMs);
  }

  #checkSoon(ms: number): void {
    this.#cancelCheck();
    this.#cancelCheck = this.#options.after(ms, () => void this.#check());
  }

  async #check(): Promise<void> {
    const place = this.store.getState().open;
    const draft = place && this.#draft(place);
    if (place === undefined || draft === undefined || this.#isChecking) return;
    this.#isChecking = true;
    const begun = this.#options.now();
    try {
      const { id, part, text } = draft;
      const trial = await this.#options.bridge.call('tryProfileText', { id, part, text, compare: false });
      this.#checked(place, text, trial);
    } catch {
      // It cannot be checked now; saving says why.
      this.#change(place, { checking: false });
    }
    // In Electron the app process has the window's keys pass through it: a check must not come between them.
    this.#pauseMs = Math.min(longestPauseMs, Math.max(pauseMs, 3 * (this.#options.now() - begun)));
    this.#isChecking = false;
    const now = this.store.getState().open;
    const isStale = now !== undefined && (keyOf(now) !== keyOf(place) || this.#draft(now)?.text !== draft.text);
    if (isStale) this.#checkSoon(this.#pauseMs);
  }

  #checked(place: EditorPlace, text: string, trial: ProfileTrial): void {
    const draft = this.#draft(place);
    if (draft === undefined) return;
    const isNow = draft.text === text;
    // What was wrong with an older text stands at other places by now.
    if (isNow) this.#change(place, { trial, checking: false });
    if (trial.names !== null) this.#change(place, { names: trial.names });
    if (trial.version !== draft.base.version && draft.theirs === undefined) void this.look();
  }

  /** Shows what saving would do. */
  async review(place: EditorPlace): Promise<void> {
    const draft = this.#draft(place);
    if (draft === undefined || draft.busy !== undefined) return;
    const { id, part, text } = draft;
    this.#change(place, { busy: 'review', error: undefined });
    try {
      const review = await this.#options.bridge.call('tryProfileText', { id, part, text, compare: true });
      this.#change(place, { busy: undefined, trial: review, review });
      if (review.version !== draft.base.version) await this.look();
    } catch (caught) {
      this.#change(place, { busy: undefined, error: errorDataOf(caught) });
    }
  }

  /** Back to the text. */
  edit(place: EditorPlace): void {
    this.#change(place, { review: undefined, error: undefined });
  }

  /** Keeps the text and applies it. Undefined when that failed: the draft says why. `unusable`: keeps it even where it cannot be used. */
  async save(place: EditorPlace, unusable = false): Promise<AppInfo | undefined> {
    const draft = this.#draft(place);
    if (draft === undefined || draft.busy !== undefined) return undefined;
    const { id, part, text, base } = draft;
    this.#change(place, { busy: 'save', error: undefined });
    try {
      const asked = { id, part, text, version: base.version, ...(unusable ? { unusable: true as const } : {}) };
      const info = await this.#options.bridge.call('saveProfileText', asked);
      const { [part]: kept } = await this.#options.bridge.call('getProfileTexts', { id });
      this.#change(place, { busy: undefined, review: undefined, base: kept, theirs: undefined });
      return info;
    } catch (caught) {
      const error = errorDataOf(caught);
      this.#change(place, { busy: undefined, error });
      if (error.code === 'PROFILE_CHANGED') await this.look();
      return undefined;
    }
  }

  /** The text as it is kept; what was written is gone. */
  discard(place: EditorPlace): void {
    const draft = this.#draft(place);
    if (draft === undefined) return;
    const base = draft.theirs ?? draft.base;
    this.#takeOver(place, { base, text: base.text });
  }

  /** Of two versions that of somebody else; ours can be had back by undoing. */
  takeTheirs(place: EditorPlace): void {
    const theirs = this.#draft(place)?.theirs;
    if (theirs !== undefined) this.#takeOver(place, { base: theirs, text: theirs.text });
  }

  /** Of two versions ours, to be compared with theirs and saved over it. */
  keepOurs(place: EditorPlace): void {
    const theirs = this.#draft(place)?.theirs;
    if (theirs !== undefined) this.#change(place, { base: theirs, theirs: undefined, error: undefined });
  }

  #takeOver(place: EditorPlace, { base, text }: Pick<Draft, 'base' | 'text'>): void {
    const revision = (this.#draft(place)?.revision ?? 0) + 1;
    this.#change(place, { base, text, revision, theirs: undefined, review: undefined, error: undefined });
    this.#checkSoon(0);
  }

  #draft(place: EditorPlace): Draft | undefined {
    return this.store.getState().drafts.get(keyOf(place));
  }

  #change(place: EditorPlace, change: Partial<Draft>): void {
    const draft = this.#draft(place);
    if (draft !== undefined) this.#set(place, { ...draft, ...change });
  }

  #set(place: EditorPlace, draft: Draft): void {
    this.store.setState(({ drafts }) => ({ drafts: new Map(drafts).set(keyOf(place), draft) }));
  }
}

const newDraft = {
  revision: 0,
  trial: undefined,
  names: undefined,
  checking: true,
  theirs: undefined,
  renewed: false,
  review: undefined,
  busy: undefined,
  error: undefined,
} as const;
