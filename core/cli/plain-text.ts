/** Names that came from the network, made harmless on a terminal. */

/**
 * C0 and C1 controls (escape sequences begin with one), line and paragraph separators, and the characters that turn the
 * reading direction (Unicode TR 36, 3.5).
 */
// oxlint-disable-next-line no-control-regex
const dangerous = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text with each such character shown as U+FFFD. */
export function plainText(text: string): string {
  return text.replace(dangerous, '\u{fffd}');
}
