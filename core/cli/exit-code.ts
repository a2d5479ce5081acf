/** What the command's exit status means to scripts. Written down in `mirage --help`; never changed once released. */
import type { ErrorCode } from '../contract/error.ts';

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  helperNotReached: 3,
  badConfiguration: 4,
  notAllowed: 5,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const special: { readonly [C in ErrorCode]?: ExitCode } = {
  RPC_BAD_PARAMS: exitCodes.usage,
  PROFILE_UNKNOWN: exitCodes.usage,
  PROFILE_IN_USE: exitCodes.usage,
  PROFILE_READ_ONLY: exitCodes.usage,
  HELPER_NOT_RUNNING: exitCodes.helperNotReached,
  HELPER_INCOMPATIBLE: exitCodes.helperNotReached,
  RPC_CLOSED: exitCodes.helperNotReached,
  RPC_TIMEOUT: exitCodes.helperNotReached,
  CONFIG_SYNTAX: exitCodes.badConfiguration,
  CONFIG_INVALID: exitCodes.badConfiguration,
  CONFIG_TOO_LARGE: exitCodes.badConfiguration,
  CONFIG_RULES_TOO_MANY: exitCodes.badConfiguration,
  HELPER_UNTRUSTED: exitCodes.notAllowed,
  HELPER_NOT_ALLOWED: exitCodes.notAllowed,
  HELPER_IN_USE: exitCodes.notAllowed,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return special[code] ?? exitCodes.failed;
}
