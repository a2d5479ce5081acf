/** Rows as comma-separated values (RFC 4180), safe to open in a spreadsheet and to read in an editor. */
import { plainText } from './plain-text.ts';

export type CsvValue = string | number | boolean | undefined;

/** Without it spreadsheets take UTF-8 for the code page of the system. */
const byteOrderMark = '\ufeff';
/** Longest text of a field; names and paths are shorter. */
const longest = 4096;

/** A byte order mark, a header line and one line per record, CRLF ended. */
export function toCsv(header: readonly string[], records: readonly (readonly CsvValue[])[]): string {
  return byteOrderMark + [header, ...records].map((record) => `${record.map(csvField).join(',')}\r\n`).join('');
}

function csvField(value: CsvValue): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  // A remote name must not become a formula when the file is opened.
  const plain = plainText(value, longest);
  const text = /^[=+\-@]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
