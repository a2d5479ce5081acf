/** The few arguments that the desktop app takes; everything else on its command line is Chromium's. */
import { parseArgs } from 'node:util';

export interface CommandLine {
  /** Turn Enhanced Mode on at once. */
  enhanced: boolean;
  /** Profile to use instead of the user's own. */
  config: string | undefined;
  /** The helper's runtime directory, when it is not the usual one. */
  socket: string | undefined;
  /** Whether a helper socket of the user's own is trusted besides root's. */
  developer: boolean;
}

/** Reads `--enhanced`, `--config FILE`, `--socket DIR`, `--developer`; passes over what it does not know. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: {
      enhanced: { type: 'boolean' },
      config: { type: 'string' },
      socket: { type: 'string' },
      developer: { type: 'boolean' },
    },
  });
  const text = (value: string | boolean | undefined) => (typeof value === 'string' && value !== '' ? value : undefined);
  return {
    enhanced: values.enhanced === true,
    config: text(values.config),
    socket: text(values.socket),
    developer: values.developer === true,
  };
}
