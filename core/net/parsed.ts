/** Result of reading something from the front of bytes that may not all be there yet. */
export type Parsed<T> =
  /** A prefix of something valid; ask again with more bytes. */
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly message: string }
  /** `used` bytes belong to the value, the others do not. */
  | { readonly kind: 'ok'; readonly value: T; readonly used: number };

export const needMore: Parsed<never> = { kind: 'more' };

export function bad(message: string): Parsed<never> {
  return { kind: 'bad', message };
}
