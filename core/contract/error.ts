/** Every error code of Mirage, grouped by the step that failed. A code never changes its meaning once released. */
import { z } from 'zod';
import { type HintCode, hintTexts, type ProblemCode, problemTexts } from './problem-texts.ts';

export const errorCodes = [
  'CONFIG_SYNTAX', // the text is no YAML
  'CONFIG_INVALID', // one or more keys are wrong; `problems` has them all
  'CONFIG_TOO_LARGE',
  'CONFIG_RULES_TOO_MANY', // with those of sub-rules and rule sets, as often as they are led to
  'APPLY_CANCELLED', // a person has ended it: the configuration of before stays in force
  'POLICY_UNKNOWN', // no node or policy group has this name
  'POLICY_NOT_CHOSEN', // nobody chooses in a policy group of this type
  'PROFILE_UNKNOWN', // no profile of the list has this name
  'PROFILE_IN_USE',
  'PROFILE_CHANGED', // its text is another one by now
  'PROFILE_READ_ONLY', // this text of it is not changed here
  'PROFILE_STORE', // the list of profiles cannot be read or written
  'DOWNLOAD_ADDRESS', // not http or https
  'DOWNLOAD_UNREACHABLE',
  'DOWNLOAD_TLS', // the certificate is not good
  'DOWNLOAD_STATUS', // the server answered with an error
  'DOWNLOAD_TOO_LARGE',
  'DOWNLOAD_TIMEOUT',
  'DOWNLOAD_CUT', // the connection ended before all of it had come
  'DOWNLOAD_UNREADABLE', // what came is not what was expected
  'DOWNLOAD_POLICY', // what it is to go through is not in force
  'DOWNLOAD_STOPPED', // the person ended it
  'DOWNLOAD_EMPTY', // what came has no entries, and what is there has some
  'DOWNLOAD_FAILED',
  'DIAL_REFUSED',
  'DIAL_NETWORK_UNREACHABLE',
  'DIAL_HOST_UNREACHABLE',
  'DIAL_TIMEOUT',
  'DIAL_PROXY_REFUSED', // the proxy's own port refused
  'DIAL_PROXY_UNREACHABLE',
  'DIAL_PROXY_AUTH',
  'DIAL_PROXY_DENIED',
  'DIAL_PROXY_FAILED',
  'DIAL_TLS_EXPIRED', // the certificate of the proxy's server has expired
  'DIAL_TLS_NOT_YET_VALID', // or is not valid yet: a clock is wrong
  'DIAL_TLS_NAME', // the certificate is for another name
  'DIAL_TLS_UNKNOWN_ISSUER', // nobody known has signed it
  'DIAL_TLS_FINGERPRINT', // it is not the one that was asked for
  'DIAL_TLS_CERTIFICATE', // it is not good for another reason
  'DIAL_TLS_CLIENT_CERTIFICATE', // the server wants one of ours, or does not take it
  'DIAL_TLS_FAILED', // the server speaks no TLS, or none that we do
  'DIAL_NAME_NOT_FOUND', // the resolver said NXDOMAIN or no address
  'DIAL_REJECTED', // by a rule
  'DIAL_LOOP_DETECTED',
  'DIAL_NOT_SPOKEN', // the node's protocol, or what it wants besides, is not supported yet
  'DIAL_CHAIN', // a chain of proxies leads to itself, or is too long
  'DIAL_GROUP_EMPTY', // a policy group has no member that could be dialled
  'DIAL_IO',
  'DNS_TIMEOUT',
  'DNS_NO_UPSTREAM',
  'DNS_BAD_MESSAGE',
  'DNS_IO',
  'DNS_TLS', // the server's certificate or TLS itself is not good
  'FAKE_IP_EXHAUSTED',
  'FAKE_IP_RANGE_TOO_SMALL',
  'FAKE_IP_UNKNOWN_ADDRESS',
  'FAKE_IP_STORE',
  'TUN_UNAVAILABLE',
  'TUN_NAME_TAKEN',
  'TUN_FAILED',
  'SYSTEM_COMMAND_FAILED',
  'SYSTEM_DNS_FAILED',
  'SYSTEM_ROUTES_FAILED',
  'SYSTEM_JOURNAL_FAILED',
  'SYSTEM_UNSUPPORTED',
  'HELPER_NOT_RUNNING',
  'HELPER_UNTRUSTED', // the socket or its directory is not owned by root
  'HELPER_NOT_ALLOWED', // this user may not talk to the helper
  'HELPER_IN_USE', // another allowed user owns the tunnel
  'HELPER_INCOMPATIBLE',
  'RPC_BAD_FRAME',
  'RPC_TOO_LARGE',
  'RPC_UNKNOWN_METHOD',
  'RPC_BAD_PARAMS',
  'RPC_TIMEOUT',
  'RPC_CLOSED',
  'RPC_BUSY',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** What the helper says of a configuration that it will not have, whenever it is asked. */
export const configRefusals: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_SYNTAX',
  'CONFIG_INVALID',
  'CONFIG_TOO_LARGE',
  'CONFIG_RULES_TOO_MANY',
  'FAKE_IP_RANGE_TOO_SMALL',
  'RPC_TOO_LARGE',
  'RPC_BAD_PARAMS',
]);

/** One mistake in a configuration. Line and column count from 1; both are absent when the mistake has no place. */
export const configProblemSchema = z.strictObject({
  severity: z.enum(['error', 'warning']),
  /** An error that costs only the part that it is about: that is left out, or refuses, and the rest is used. */
  leftOut: z.literal(true).optional(),
  code: z.custom<ProblemCode>((value) => typeof value === 'string' && Object.hasOwn(problemTexts, value)),
  /** Path of the key, e.g. `proxies[2].port`; empty for the whole file. */
  path: z.string(),
  /** The text of `code` in English, filled in. */
  message: z.string(),
  /** What would be right, in a few words: the text of `hint`, or what to write where there is no `hint`. */
  expected: z.string().optional(),
  hint: z.custom<HintCode>((value) => typeof value === 'string' && Object.hasOwn(hintTexts, value)).optional(),
  /** What stands in the places of both texts, for other languages. */
  values: z.record(z.string(), z.string()).optional(),
  /** Which text line and column are of; absent is the profile itself. */
  file: z.literal('override').optional(),
  line: z.number().int().positive().optional(),
  column: z.number().int().positive().optional(),
});
export type ConfigProblem = z.infer<typeof configProblemSchema>;

/** An error as it travels: between processes, to the window, into `--json` output. */
export const errorDataSchema = z.strictObject({
  code: z.enum(errorCodes),
  message: z.string(),
  /** What was expected, or what to do. */
  expected: z.string().optional(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  problems: z.array(configProblemSchema).optional(),
});
export type ErrorData = z.infer<typeof errorDataSchema>;
