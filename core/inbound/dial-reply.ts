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

const statuses: Partial<Record<ErrorCode, number>> = {
  DIAL_TIMEOUT: 504,
  DNS_TIMEOUT: 504,
  DIAL_REJECTED: 403,
};

/** Reply of RFC 1928 section 6; general failure for what it has no word for. */
export function socks5ReplyOf(code: ErrorCode): number {
  return replies[code] ?? socks5Replies.generalFailure;
}

/** Status of RFC 9110 section 15; 502 for whatever else is the gateway's trouble. */
export function httpStatusOf(code: ErrorCode): number {
  return statuses[code] ?? 502;
}
