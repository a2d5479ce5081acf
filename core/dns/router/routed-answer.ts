/** What the router makes of a question. */
import type { DnsRow } from '../../contract/dns.ts';
import type { DnsMessage } from '../../net/dns-message.ts';

export interface RoutedAnswer {
  /** The response, ready to be encoded: id, question and EDNS are the asker's. */
  readonly message: DnsMessage;
  readonly verdict: DnsRow['verdict'];
  /** Who was asked, if anybody, and how long that took in milliseconds. */
  readonly upstream?: string;
  readonly upstreamMs?: number;
}
