/** The SOA record that lets a resolver remember "there is no such record", though not for long (RFC 2308). */
import { parentDomain } from '../../base/domain.ts';
import type { DnsRecord } from '../../net/dns-message.ts';

/** Seconds. Short, so that what is answered while the enhanced mode is on does not outlive it. */
const denialTtl = 5;

/** `name` as it was asked; the record belongs to its parent. */
export function denialSoa(name: string): DnsRecord {
  return {
    name: parentDomain(name) || '.',
    type: 'SOA',
    ttl: denialTtl,
    data: {
      mname: 'dns.mirage.invalid',
      rname: 'nobody.mirage.invalid',
      serial: 1,
      refresh: 3_600,
      retry: 600,
      expire: 86_400,
      minimum: denialTtl,
    },
  };
}
