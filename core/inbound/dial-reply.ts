/** What a proxy client is told when its connection cannot be made: the code in its protocol's words. */
import type { ErrorCode } from '../contract/error.ts';
import { socks5Replies } from '../net/socks5.ts';

const replies: Partial<Record<ErrorCode, number>> = {
  DIAL_REFUSED: socks5Replies.connectionRefused,
  DIAL_NETWORK_UNREACHABLE: socks5Replies.networkUnreachable,
  DIAL_HOST_UNREACHABLE: socks5Replies.hostUnreachable,
  DIAL_NAME_NOT_FOUND: socks5Replies.hostUnreachable,
  DIAL_TIMEOUT: socks5Replies.ttlExpired,
  DIAL_REJECTED: socks5Replies.notAllowed,
};

const proxyErrors: Partial<Record<ErrorCode, string>> = {
  DIAL_REFUSED: 'connection_refused',
  DIAL_NETWORK_UNREACHABLE: 'destination_ip_unroutable',
  DIAL_HOST_UNREACHABLE: 'destination_ip_unroutable',
  DIAL_NAME_NOT_FOUND: 'dns_error',
  DIAL_TIMEOUT: 'connection_timeout',
  DIAL_REJECTED: 'http_request_denied',
  DIAL_LOOP_DETECTED: 'proxy_loop_detected',
  DNS_TIMEOUT: 'dns_timeout',
  DNS_NO_UPSTREAM: 'dns_error',
  DNS_BAD_MESSAGE: 'dns_error',
  DNS_IO: 'dns_error',
  DNS_TLS: 'dns_error',
};

const statuses: Partial<Record<ErrorCode, number>> = {
  DIAL_TIMEOUT: 504,
  DNS_TIMEOUT: 504,
  DIAL_REJECTED: 403,
};

/** Reply of RFC 1928 section 6; general failure for what it has no word for. */
export function socks5ReplyOf(code: ErrorCode): number {
  return replies[code] ?? socks5Replies.generalFailure;
}

/** Error type of RFC 9209 section 2.3. */
export function proxyErrorOf(code: ErrorCode): string {
  return proxyErrors[code] ?? 'destination_unavailable';
}

/** Status of RFC 9110 section 15; 502 for whatever else is the gateway's trouble. */
export function httpStatusOf(code: ErrorCode): number {
  return statuses[code] ?? 502;
}
