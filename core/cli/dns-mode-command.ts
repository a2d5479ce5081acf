/** `mirage dns-mode`: how names are answered, and by whose choice. */
import type { DnsMode } from '../contract/dns-config.ts';
import type { Snapshot } from '../contract/status.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';

/** `profile` = as the profile says. */
export const dnsModeChoices = ['fake-ip', 'redir-host', 'profile'] as const;
export type DnsModeChoice = (typeof dnsModeChoices)[number];

const sentences: Readonly<Record<DnsMode, string>> = {
  'fake-ip': 'Names are answered with fake addresses; connections to them keep their names.',
  'redir-host': 'Names are answered with their real addresses, which are remembered.',
};

/** Changes the mode if one is given, and shows the one in force. */
export async function dnsMode(
  context: CommandContext,
  choice: DnsModeChoice | undefined,
  options: GlobalOptions,
): Promise<void> {
  const { dnsMode: inForce } = await withHelper(context, options, (helper) =>
    choice === undefined
      ? helper.call('getSnapshot', {})
      : helper.call('setSwitches', { dnsMode: choice === 'profile' ? null : choice }),
  );
  const { console } = context;
  if (options.json) return console.json(inForce);
  console.line(describeDnsMode(inForce));
  console.line(console.paint('dim', sentences[inForce.mode]));
}

export function describeDnsMode({ mode, chosen }: Snapshot['dnsMode']): string {
  return chosen ? `${mode}, chosen by hand ("mirage dns-mode profile" undoes it)` : `${mode}, as the profile says`;
}
