/** Rows as comma-separated values (RFC 4180), safe to open in a spreadsheet. */

export type CsvValue = string | number | boolean | undefined;

/** A header line and one line per record, CRLF ended. */
export function toCsv(header: readonly string[], records: readonly (readonly CsvValue[])[]): string {
  return [header, ...records].map((record) => `${record.map(csvField).join(',')}\r\n`).join('');
}

function csvField(value: CsvValue): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  // A remote name must not become a formula when the file is opened.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
