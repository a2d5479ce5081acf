/** The shape that every language has: English decides which sentences there are. */
import type { en } from './en.ts';

/** Plural forms other than `_other` exist only in languages that have them. */
export type Shape<T> = T extends string
  ? string
  : { readonly [K in keyof T as K extends `${string}_one` ? never : K]: Shape<T[K]> } & {
      readonly [K in keyof T as K extends `${string}_one` ? K : never]?: string;
    };

export type Messages = Shape<typeof en>;

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}
