/** The data of a DNS record as one line of text, for logs and for people; not meant to be read back. */
import type { DnsRecord } from './dns-message.ts';

/** Addresses and names as they are, well-known types as zone files write them, anything else as RFC 3597 bytes. */
export function recordDataText({ type, data }: DnsRecord): string {
  if (typeof data === 'string') return data;
  if (data instanceof Uint8Array)
    return knownBytes(type, data) ?? `\\# ${data.length} ${Buffer.from(data).toString('hex')}`;
  if (typeof data !== 'object' || data === null) return '';
  const fields = new Map<string, unknown>(Object.entries(data));
  return (fieldOrder[type] ?? [...fields.keys()]).map((key) => String(fields.get(key))).join(' ');
}

const fieldOrder: Readonly<Record<string, readonly string[]>> = {
  MX: ['preference', 'exchange'],
  SRV: ['priority', 'weight', 'port', 'target'],
  SOA: ['mname', 'rname', 'serial', 'refresh', 'retry', 'expire', 'minimum'],
};

function knownBytes(type: string, data: Uint8Array): string | undefined {
  if (type === 'TXT' || type === 'SPF') return strings(data)?.map(quoted).join(' ');
  if (type !== 'CAA' || data.length < 2) return undefined;
  const tagEnd = 2 + (data[1] ?? 0); // RFC 8659 section 4.1
  return `${data[0]} ${utf8(data.subarray(2, tagEnd))} ${quoted(data.subarray(tagEnd))}`;
}

/** Character strings (RFC 1035 section 3.3), which must fill the data. */
function strings(data: Uint8Array): Uint8Array[] | undefined {
  const found: Uint8Array[] = [];
  let position = 0;
  while (position < data.length) {
    const end = position + 1 + (data[position] ?? 0);
    if (end > data.length) return undefined;
    found.push(data.subarray(position + 1, end));
    position = end;
  }
  return found;
}

const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const quoted = (bytes: Uint8Array): string => JSON.stringify(utf8(bytes));
