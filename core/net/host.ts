/** The host of a proxy request: an address in canonical text, or a name in the form in which names are compared. */
import { parseIp } from '../base/address.ts';
import { comparableDomain } from '../base/domain.ts';

const forbidden = /[\s/:@[\]\\?#%\p{Cc}]/u;

/** Undefined for what can be neither: empty, over 253 characters, with spaces, control characters or URL delimiters. */
export function parseHost(text: string): string | undefined {
  const ip = parseIp(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text);
  if (ip !== undefined) return ip;
  if (forbidden.test(text)) return undefined;
  const name = comparableDomain(text);
  return name === '' || name.length > 253 || forbidden.test(name) ? undefined : name;
}
