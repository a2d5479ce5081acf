/** The names of the DNS modes: terms of the field, the same in every language. */
import type { Snapshot } from '../../core/contract/status.ts';

export const dnsModeNames: Readonly<Record<Snapshot['dnsMode']['mode'], string>> = {
  'fake-ip': 'Fake-IP',
  'redir-host': 'Redir-Host',
};
