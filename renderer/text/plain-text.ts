/** Text that came from elsewhere (names, processes, messages) made safe to show. Text only: nothing here makes markup. */

/**
 * Characters that would reorder, hide or fake neighbouring text: C0/C1 controls, the bidirectional controls (UAX #9),
 * zero-width and invisible format characters, tags, noncharacters, and lone surrogates.
 */
const unsafe =
  /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\u{e0000}-\u{e0fff}\p{Cs}]/gu;
const printableAscii = /^[\x20-\x7e]*$/;

/** The text without unsafe characters, at most `max` code units long; longer text ends in an ellipsis. */
export function plainText(text: string, max = 256): string {
  // A hostile megabyte is cut before the slow scan; the scan only ever shortens.
  const head = text.length > max * 2 ? text.slice(0, max * 2) : text;
  const clean = printableAscii.test(head) ? head : head.replace(unsafe, '');
  return clean.length > max ? `${clean.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…` : clean;
}
