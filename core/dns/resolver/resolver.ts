/** One question to whoever can answer it; implementations nest (cache around race around UDP). */
import type { DnsMessage } from '../../net/dns-message.ts';

export interface Question {
  /** Normalised: lower case, no trailing dot; empty for the root. */
  readonly name: string;
  /** `A`, `AAAA`, `HTTPS`, `TXT`, ... or `TYPE123`; class is IN. */
  readonly type: string;
  /** The same name with its letters as the application wrote them: so they stand in the answer. */
  readonly spelling?: string;
  /** Whose share of what is scarce the question takes; nobody's in particular without it. */
  readonly client?: string;
  /** Signatures are wanted (DO, RFC 3225), or unvalidated data too (CD, RFC 4035 section 3.2.2). */
  readonly dnssecOk?: boolean;
  readonly checkingDisabled?: boolean;
  /** Whether the answer was validated is wanted (AD, RFC 6840 section 5.7). */
  readonly authenticData?: boolean;
}

export interface DnsAnswer {
  /** Decoded answer with its header; id, flags and question belong to the asker, who sets them anew. */
  readonly message: DnsMessage;
  /** Who answered, for the log: `udp://192.0.2.53:53`. */
  readonly upstream: string;
  /** From question to answer, milliseconds; absent when it came from memory. */
  readonly ms?: number;
  /** From memory, without asking anybody. */
  readonly cached?: boolean;
}

export interface Resolver {
  /** Rejects with DNS_TIMEOUT, DNS_NO_UPSTREAM, DNS_IO or DNS_BAD_MESSAGE. NXDOMAIN is an answer, not an error. */
  query(question: Question, signal: AbortSignal): Promise<DnsAnswer>;
}
