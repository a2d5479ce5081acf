/** What went wrong with a dial, in one vocabulary: errno and native failure become DIAL_* codes, codes become rejections. */
import { AppError, errnoOf } from '../base/app-error.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { DialAttempt } from '../contract/flow.ts';
import type { DialPlan, RejectHow } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';

/** One address of a dial, as native code tells it. */
export interface NativeAttempt {
  readonly address: string;
  /** Milliseconds since the dial began, and since then. */
  readonly begun: number;
  readonly took: number;
  readonly end: 'connected' | 'unanswered' | NativeDialFailure;
}

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
  | 'tls-expired'
  | 'tls-not-yet-valid'
  | 'tls-name'
  | 'tls-unknown-issuer'
  | 'tls-fingerprint'
  | 'tls-certificate'
  | 'tls-client-certificate'
  | 'tls-failed'
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
  'tls-expired': 'DIAL_TLS_EXPIRED',
  'tls-not-yet-valid': 'DIAL_TLS_NOT_YET_VALID',
  'tls-name': 'DIAL_TLS_NAME',
  'tls-unknown-issuer': 'DIAL_TLS_UNKNOWN_ISSUER',
  'tls-fingerprint': 'DIAL_TLS_FINGERPRINT',
  'tls-certificate': 'DIAL_TLS_CERTIFICATE',
  'tls-client-certificate': 'DIAL_TLS_CLIENT_CERTIFICATE',
  'tls-failed': 'DIAL_TLS_FAILED',
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
  DIAL_NETWORK_UNREACHABLE: 'no-route',
  DIAL_HOST_UNREACHABLE: 'unreachable',
  DIAL_NAME_NOT_FOUND: 'unreachable',
  DIAL_TIMEOUT: 'drop',
  DNS_TIMEOUT: 'unreachable',
  DNS_NO_UPSTREAM: 'unreachable',
  DNS_BAD_MESSAGE: 'unreachable',
  DNS_IO: 'unreachable',
};

/** What came of the addresses of a dial, as people are told it. */
export function dialAttempts(attempts: readonly NativeAttempt[] | undefined): { attempts?: DialAttempt[] } {
  if (attempts === undefined) return {};
  const told = attempts.map(({ address, begun, took, end }): DialAttempt => {
    const known = end === 'connected' || end === 'unanswered';
    return { address, begunMs: begun, tookMs: took, end: known ? end : dialCodeOfFailure(end) };
  });
  return { attempts: told };
}

export function dialCodeOfFailure(failure: NativeDialFailure): ErrorCode {
  return codeOfFailure[failure];
}

/** Why a dial failed, and the layer of the plan that did; without one it was the connection itself. */
export interface DialFailure {
  readonly code: ErrorCode;
  readonly layer?: number | undefined;
  readonly message: string;
}

/** The error of a dial, with the node to blame in its details: of several on the way, the text names it. */
export function dialFailedWith(
  { code, layer = 0, message }: DialFailure,
  { layers }: Pick<DialPlan, 'layers'>,
): AppError {
  const node = layers[layer]?.node;
  if (node === undefined) return new AppError(code, message);
  const nodes = [...new Set(layers.map((each) => each.node))];
  const where = nodes.length < 2 ? '' : `hop ${nodes.indexOf(node) + 1} of ${nodes.length} ("${node}"): `;
  return new AppError(code, `${where}${message}`, { details: { node } });
}

/** Of an errno name; what it does not know is DIAL_IO. */
export function dialCodeOfErrno(errno: string | undefined): ErrorCode {
  return codeOfErrno[errno ?? ''] ?? 'DIAL_IO';
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
