/** What the code editor says, in the language of the window: handed to it, as it knows no React. */
import type { ConfigProblem } from '../../../../../core/contract/error.ts';
import type { KnownNames } from '../../../../../core/contract/profile-editing.ts';
import type { ProfileKey } from '../../../../../core/contract/profile-key.ts';

/** Of a key: a sentence each, some of which may be missing. */
export interface KeyWords {
  readonly meaning: string;
  /** What becomes of it, and why where it changes nothing. */
  readonly fate: string;
  /** It does here what it does in Clash: nothing to say of it in a list. */
  readonly isPlain: boolean;
  readonly usual: string | undefined;
  readonly example: string | undefined;
}

export interface CodeWords {
  readonly label: string;
  readonly placeholder: string;
  /** How the keyboard leaves the text, and what else there is to know. */
  readonly hint: string;
  readonly noKey: string;
  readonly describe: (key: ProfileKey) => KeyWords;
  readonly problem: (problem: ConfigProblem) => string;
  /** The library's own sentences. */
  readonly phrases: Readonly<Record<string, string>>;
}

export interface CodeFacts {
  readonly words: CodeWords;
  readonly names: KnownNames | undefined;
  readonly isOverride: boolean;
}
