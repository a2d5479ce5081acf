/** Errors for people: a stable code, a sentence, what to do. */
import type { ErrorCode, ErrorData } from '../contract/error.ts';
import { problemLine } from '../profile/report.ts';
import type { Paint } from './paint.ts';
import { plainText } from './plain-text.ts';

/** Used when the error itself does not say what to do. */
const advice: { readonly [C in ErrorCode]?: string } = {
  HELPER_NOT_RUNNING: 'start it with "npm start"; if the network does not work meanwhile: "mirage restore"',
  HELPER_UNTRUSTED: 'check who owns the directory given by --socket; for a helper of your own add --developer',
  HELPER_NOT_ALLOWED: 'start the helper with --allow-uid for this user, or run the command as root',
  HELPER_IN_USE: 'ask that user to turn Enhanced Mode off',
  HELPER_INCOMPATIBLE: 'update Mirage and its helper to the same version, then restart the helper',
  CONFIG_SYNTAX: 'mend the lines above; "mirage check FILE" tells whether all is well',
  CONFIG_INVALID: 'mend the lines above; "mirage check FILE" tells whether all is well',
  TUN_UNAVAILABLE: 'load the kernel module "tun", and in a container pass /dev/net/tun and NET_ADMIN',
  TUN_NAME_TAKEN: 'end the program that uses this device, or name another under "tun: device:"',
  RPC_TIMEOUT: 'look at "mirage dump logs" or restart the helper',
  RPC_CLOSED: 'see whether the helper still runs: "mirage status"',
};

/** What helps, in a few words; undefined where nobody knows. `cli` is how the command line is called here. */
export function whatToDo(error: ErrorData, cli: string): string | undefined {
  return (error.expected ?? advice[error.code])?.replaceAll('"mirage ', `"${cli} `);
}

/** Lines: problems first, then `error CODE: sentence` and `  what to do: ...`. `cli` is how the command line is called here. */
export function errorText(error: ErrorData, paint: Paint, cli = 'mirage'): string[] {
  const todo = whatToDo(error, cli);
  const label = error.code === 'RPC_BAD_PARAMS' ? 'expected:' : 'what to do:';
  return [
    ...(error.problems ?? []).map((problem) => problemLine(problem, '', paint)),
    `${paint('red', `error ${error.code}`)}: ${plainText(error.message)}`,
    ...(todo === undefined ? [] : [`  ${paint('dim', label)} ${plainText(todo)}`]),
  ];
}
