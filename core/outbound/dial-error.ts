/** What went wrong with a dial, in one vocabulary: errno, native failure and SOCKS reply become DIAL_* codes, codes become rejections. */
import { AppError, errnoOf } from '../base/app-error.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { RejectHow } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';

/** `DialFailure` of the native engine. */
export type NativeDialFailure =
  | 'refused'
  | 'network-unreachable'
  | 'host-unreachable'
  | 'timeout'
  | 'proxy-refused'
  | 'proxy-unreachable'
  | 'proxy-auth'
  | 'proxy-denied'
  | 'proxy-failed'
  | 'io';

const codeOfFailure: Record<NativeDialFailure, ErrorCode> = {
  refused: 'DIAL_REFUSED',
  'network-unreachable': 'DIAL_NETWORK_UNREACHABLE',
  'host-unreachable': 'DIAL_HOST_UNREACHABLE',
  timeout: 'DIAL_TIMEOUT',
  'proxy-refused': 'DIAL_PROXY_REFUSED',
  'proxy-unreachable': 'DIAL_PROXY_UNREACHABLE',
  'proxy-auth': 'DIAL_PROXY_AUTH',
  'proxy-denied': 'DIAL_PROXY_DENIED',
  'proxy-failed': 'DIAL_PROXY_FAILED',
  io: 'DIAL_IO',
};

/** As in connect(2). */
const codeOfErrno: Record<string, ErrorCode> = {
  ECONNREFUSED: 'DIAL_REFUSED',
  ENETUNREACH: 'DIAL_NETWORK_UNREACHABLE',
  ENETDOWN: 'DIAL_NETWORK_UNREACHABLE',
  EHOSTUNREACH: 'DIAL_HOST_UNREACHABLE',
  EHOSTDOWN: 'DIAL_HOST_UNREACHABLE',
  ETIMEDOUT: 'DIAL_TIMEOUT',
};

/** RFC 1928 section 6. */
const codeOfSocksReply: Record<number, ErrorCode> = {
  2: 'DIAL_PROXY_DENIED',
  3: 'DIAL_NETWORK_UNREACHABLE',
  4: 'DIAL_HOST_UNREACHABLE',
  5: 'DIAL_REFUSED',
  6: 'DIAL_TIMEOUT',
};

/** What the same trouble is called when it was the proxy that was dialled. */
const proxyCodes: Partial<Record<ErrorCode, ErrorCode>> = {
  DIAL_REFUSED: 'DIAL_PROXY_REFUSED',
  DIAL_NETWORK_UNREACHABLE: 'DIAL_PROXY_UNREACHABLE',
  DIAL_HOST_UNREACHABLE: 'DIAL_PROXY_UNREACHABLE',
  DIAL_TIMEOUT: 'DIAL_PROXY_UNREACHABLE',
  DIAL_NAME_NOT_FOUND: 'DIAL_PROXY_UNREACHABLE',
  DNS_TIMEOUT: 'DIAL_PROXY_UNREACHABLE',
  DNS_NO_UPSTREAM: 'DIAL_PROXY_UNREACHABLE',
  DNS_BAD_MESSAGE: 'DIAL_PROXY_UNREACHABLE',
  DNS_IO: 'DIAL_PROXY_UNREACHABLE',
};

/** Rejections other than a reset, which stands for every trouble that is ours or the proxy's. */
const rejections: Partial<Record<ErrorCode, RejectHow>> = {
  DIAL_NETWORK_UNREACHABLE: 'unreachable',
  DIAL_HOST_UNREACHABLE: 'unreachable',
  DIAL_NAME_NOT_FOUND: 'unreachable',
  DIAL_TIMEOUT: 'drop',
  DNS_TIMEOUT: 'unreachable',
  DNS_NO_UPSTREAM: 'unreachable',
  DNS_BAD_MESSAGE: 'unreachable',
  DNS_IO: 'unreachable',
};

export function dialCodeOfFailure(failure: NativeDialFailure): ErrorCode {
  return codeOfFailure[failure];
}

/** Of an errno name; what it does not know is DIAL_IO. */
export function dialCodeOfErrno(errno: string | undefined): ErrorCode {
  return codeOfErrno[errno ?? ''] ?? 'DIAL_IO';
}

/** Of a SOCKS5 reply other than 0; what it does not know is DIAL_PROXY_FAILED. */
export function dialCodeOfSocksReply(reply: number): ErrorCode {
  return codeOfSocksReply[reply] ?? 'DIAL_PROXY_FAILED';
}

/** A caught errno error with what was being dialled; an `AppError` passes as it is. */
export function dialErrorOf(caught: unknown, what: string): AppError {
  return AppError.from(caught, dialCodeOfErrno(errnoOf(caught)), what);
}

/** The same trouble when it was the proxy that was being dialled, not the target. */
export function asProxyError(error: AppError, proxy: string): AppError {
  return new AppError(proxyCodes[error.code] ?? error.code, `proxy ${proxy}: ${error.message}`, { cause: error });
}

/**
 * How a held flow is turned away so that the application sees the truth. Silence only where the network was silent, and
 * never for UDP, whose programs would wait for an answer instead of falling back.
 */
export function rejectHowOf(code: ErrorCode, network: Network): RejectHow {
  const how = rejections[code] ?? 'reset';
  return how === 'drop' && network === 'udp' ? 'unreachable' : how;
}
