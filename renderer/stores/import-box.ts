/**
 * What the person hands over to be made a profile, from wherever it came: typed, pasted, dropped, read off a picture, offered by a
 * link. One thing at a time; the dialog shows it, and what the app process recognised in it.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { AppInfo, MirageBridge } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { ProfileOffer, ProfileOrigin, Recognised } from '../../core/contract/profile-import.ts';
import { errorDataOf } from '../bridge/error-data.ts';

/** Why a file cannot be read here. */
export type FileTrouble = 'TOO_LARGE' | 'NOT_TEXT' | 'NO_QR' | 'NOT_IMAGE' | 'PICTURE_TOO_LARGE';

/** What a file had in it. */
export type ReadFile = { readonly text: string; readonly isPicture: boolean } | { readonly trouble: FileTrouble };

/** Something that is shown by its name instead of its text. */
export interface HandedFile {
  /** Undefined: a long text that was pasted. */
  readonly name: string | undefined;
  readonly bytes: number;
  /** Of one that was chosen in the app's own dialog: it stays where it is. */
  readonly chosen?: string;
}

export interface ImportState {
  readonly text: string;
  readonly file: HandedFile | undefined;
  /** Undefined until the person has named it. */
  readonly name: string | undefined;
  /** What a file or an offer would call it. */
  readonly suggested: string | undefined;
  /** A link from outside asks for it. */
  readonly offer: ProfileOffer | undefined;
  /** Which opening of the dialog, or which offer, this is: an answer to an earlier one says nothing to it. */
  readonly question: number;
  /** Nothing can be added yet: what is asked has just become another, and a click may have been meant for what was there. */
  readonly held: boolean;
  readonly seen: Recognised | undefined;
  readonly trouble: FileTrouble | undefined;
  readonly error: ErrorData | undefined;
  /** A file is being read, or the app process looks at it. */
  readonly looking: boolean;
  readonly adding: boolean;
}

export interface Added {
  readonly id: string;
  readonly info: AppInfo;
}

export interface ImportBoxOptions {
  readonly bridge: Pick<MirageBridge, 'call'>;
  readonly after: (ms: number, callback: () => void) => () => void;
  readonly readFile: (file: Blob) => Promise<ReadFile>;
}

const empty: ImportState = {
  text: '',
  file: undefined,
  name: undefined,
  suggested: undefined,
  offer: undefined,
  question: 0,
  held: false,
  seen: undefined,
  trouble: undefined,
  error: undefined,
  looking: false,
  adding: false,
};

/** Characters of a text that is shown in the field; a longer one is shown as a file is. */
const longText = 4000;
/** Milliseconds without a further key, after which a text is looked at. */
const pauseMs = 200;
/** Milliseconds that an offer must have been seen before it can be accepted. */
const holdMs = 600;

export class ImportBox {
  /** Undefined while the dialog is closed. */
  readonly store: StoreApi<ImportState | undefined> = createStore<ImportState | undefined>(() => undefined);
  readonly #options: ImportBoxOptions;
  #cancelLook: () => void = () => undefined;
  /** Counts what was handed over: answers about something older are dropped. */
  #turn = 0;
  #questions = 0;
  #cancelHold: () => void = () => undefined;
  /** What asks now, also while something else is being added. */
  #offered: ProfileOffer | undefined;
  /** Address of an offer that has its answer here: it may still be told for a moment. */
  #answered: string | undefined;

  constructor(options: ImportBoxOptions) {
    this.#options = options;
  }

  open(): void {
    if (this.store.getState() === undefined) this.store.setState(this.#asked({}), true);
  }

  /** Ends what is under way, and says no to an offer. With `question` only if that is still what is asked. */
  close(question?: number): void {
    const state = this.store.getState();
    if (state === undefined || (question !== undefined && question !== state.question)) return;
    if (state.adding) void this.#options.bridge.call('stopProfiles', { what: 'adding' }).catch(() => undefined);
    this.#dismiss(state.offer);
    this.#end();
  }

  /** What is in the field. It is looked at when the person pauses. */
  type(text: string): void {
    this.#hold({ text, file: undefined, suggested: undefined });
    this.#cancelLook = this.#options.after(pauseMs, () => void this.#look());
  }

  /** A text that came at once: pasted or dropped. */
  giveText(text: string): void {
    const file = text.length > longText ? { name: undefined, bytes: new Blob([text]).size } : undefined;
    this.#hold({ text, file, suggested: undefined });
    void this.#look();
  }

  async giveFile(file: Blob, name: string, chosen?: string): Promise<void> {
    const turn = this.#hold({
      text: '',
      file: { name, bytes: file.size, ...(chosen === undefined ? {} : { chosen }) },
      suggested: name.replace(/\.[^.]{1,5}$/, ''),
      looking: true,
    });
    const read = await this.#options.readFile(file);
    if (turn !== this.#turn) return;
    if ('trouble' in read) return this.#set({ trouble: read.trouble, looking: false });
    // What a picture says, and links, are no file that could stay where it is.
    this.#set({ text: read.text, ...(read.isPicture ? { suggested: undefined } : {}) });
    await this.#look();
  }

  /** Through the dialog of the app, where it has one. */
  async chooseFile(): Promise<void> {
    try {
      const { file } = await this.#options.bridge.call('chooseFile', {});
      if (file === null || this.store.getState() === undefined) return;
      const bytes = Uint8Array.from(atob(file.data), (character) => character.charCodeAt(0));
      await this.giveFile(new Blob([bytes]), file.name, file.id);
    } catch (caught) {
      this.#set({ error: errorDataOf(caught) });
    }
  }

  /** A link from outside asks; undefined once that has an answer, here or in another window. */
  offer(offer: ProfileOffer | undefined): void {
    if (offer !== undefined && offer.url === this.#answered) return;
    this.#answered = undefined;
    this.#offered = offer;
    const state = this.store.getState();
    // What is being added has its end first; the offer waits.
    if (state?.adding === true || state?.offer?.url === offer?.url) return;
    if (offer !== undefined) this.#ask(offer);
    else this.#end();
  }

  name(name: string): void {
    this.#set({ name });
  }

  /** Adds what was recognised. Undefined when that failed: the dialog says why. */
  async add(): Promise<Added | undefined> {
    const state = this.store.getState();
    const from = state === undefined ? undefined : originOf(state);
    if (state === undefined || from === undefined || state.adding || state.held) return undefined;
    this.#set({ adding: true, error: undefined });
    const name = (state.name ?? suggestionOf(state))?.trim();
    try {
      const { added, info } = await this.#options.bridge.call('addProfile', {
        from,
        ...(name === undefined || name === '' ? {} : { name: name.slice(0, 90) }),
      });
      this.#settle(state.offer);
      this.#end();
      return { id: added, info };
    } catch (caught) {
      this.#set({ adding: false, error: errorDataOf(caught) });
      return undefined;
    }
  }

  async stop(): Promise<void> {
    await this.#options.bridge.call('stopProfiles', { what: 'adding' }).catch(() => undefined);
  }

  async #look(): Promise<void> {
    this.#cancelLook();
    const { text = '' } = this.store.getState() ?? {};
    const turn = this.#turn;
    if (text.trim() === '' && this.store.getState()?.file === undefined)
      return this.#set({ seen: undefined, looking: false });
    this.#set({ looking: true });
    try {
      const seen = await this.#options.bridge.call('recognise', { text });
      if (turn === this.#turn) this.#set({ seen, looking: false });
    } catch (caught) {
      if (turn === this.#turn) this.#set({ error: errorDataOf(caught), looking: false });
    }
  }

  /** Something else is handed over; opens the dialog. Its own name stays. */
  #hold(given: Partial<ImportState>): number {
    const state = this.store.getState();
    this.#dismiss(state?.offer);
    const turn = this.#begin();
    const { question } = state?.offer === undefined && state !== undefined ? state : this.#asked({});
    this.store.setState({ ...empty, question, name: state?.name, ...given }, true);
    return turn;
  }

  #ask(offer: ProfileOffer): void {
    const { url, host, name } = offer;
    const seen: Recognised = { kind: 'address', url, host, secure: true };
    this.#begin();
    const state = this.#asked({ text: url, suggested: name, offer, seen, held: true });
    this.store.setState(state, true);
    this.#cancelHold = this.#options.after(holdMs, () => this.#set({ held: false }));
  }

  /** Closes the dialog, or shows the offer that has waited. */
  #end(): void {
    this.#begin();
    if (this.#offered === undefined) this.store.setState(undefined, true);
    else this.#ask(this.#offered);
  }

  /** Said of the very address that was shown. */
  #dismiss(offer: ProfileOffer | undefined): void {
    if (offer === undefined) return;
    this.#settle(offer);
    this.#options.bridge.call('dismissOffer', { url: offer.url }).catch(() => {
      // Nobody has heard the answer: it will be asked again.
      if (this.#answered === offer.url) this.#answered = undefined;
    });
  }

  #settle(offer: ProfileOffer | undefined): void {
    if (offer === undefined) return;
    if (this.#offered?.url === offer.url) this.#offered = undefined;
    this.#answered = offer.url;
  }

  #asked(given: Partial<ImportState>): ImportState {
    this.#questions += 1;
    return { ...empty, question: this.#questions, ...given };
  }

  #begin(): number {
    this.#cancelLook();
    this.#cancelHold();
    this.#turn += 1;
    return this.#turn;
  }

  #set(change: Partial<ImportState>): void {
    const state = this.store.getState();
    if (state !== undefined) this.store.setState({ ...state, ...change }, true);
  }
}

/** Whether it can be added, and as what; undefined while it cannot. */
export function originOf({ seen, text, file }: ImportState): ProfileOrigin | undefined {
  if (seen === undefined) return undefined;
  switch (seen.kind) {
    case 'address':
      return { kind: 'url', url: seen.url };
    case 'links':
      return { kind: 'text', text };
    case 'profile':
      if (!seen.usable) return undefined;
      return file?.chosen === undefined ? { kind: 'text', text } : { kind: 'file', id: file.chosen };
    case 'unknown':
      return undefined;
  }
}

/** What it is called unless the person says otherwise; undefined = as the server calls it. */
export function suggestionOf({ seen, suggested }: ImportState): string | undefined {
  if (seen?.kind === 'address') return seen.name ?? suggested;
  if (seen?.kind === 'links' && suggested === undefined) return seen.nodes[0]?.name;
  return suggested;
}
