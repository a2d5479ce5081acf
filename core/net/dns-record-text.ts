/** The data of a DNS record as one line of text, for logs and for people; not meant to be read back. */
import type { DnsRecord } from './dns-message.ts';

/** Addresses and names as they are, well-known types as zone files write them, anything else as RFC 3597 bytes. */
export function recordDataText(record: DnsRecord): string {
  const { data } = record;
  if (typeof data === 'string') return data;
  if (data instanceof Uint8Array) return `\\# ${data.length} ${Buffer.from(data).toString('hex')}`;
  if (Array.isArray(data)) return data.map((part: unknown) => quoted(part)).join(' ');
  if (typeof data !== 'object' || data === null) return '';
  const fields = new Map<string, unknown>(Object.entries(data));
  return (fieldOrder[record.type] ?? [...fields.keys()]).map((key) => fieldText(fields.get(key))).join(' ');
}

const fieldOrder: Readonly<Record<string, readonly string[]>> = {
  MX: ['preference', 'exchange'],
  SRV: ['priority', 'weight', 'port', 'target'],
  SOA: ['mname', 'rname', 'serial', 'refresh', 'retry', 'expire', 'minimum'],
  CAA: ['flags', 'tag', 'value'],
};

function fieldText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((part: unknown) => fieldText(part)).join(' ');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function quoted(part: unknown): string {
  return JSON.stringify(part instanceof Uint8Array ? Buffer.from(part).toString('utf8') : String(part));
}
