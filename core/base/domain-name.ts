/** Host names as rules and servers write them: what may stand there. */
import { parseIp } from './address.ts';
import { comparableDomain } from './domain.ts';

/** Why a text is no host name (RFC 1123 with underscores, 253 characters, 63 a label), or undefined. */
export function domainNameProblem(text: string): string | undefined {
  if (text === '' || text === '.') return 'the name is empty';
  if (/\s/.test(text)) return `the name "${text}" contains a space`;
  if (/[*+?]/.test(text)) return `the name "${text}" contains a wildcard`;
  if (parseIp(text) !== undefined) return `"${text}" is an address, not a name`;
  const name = comparableDomain(text);
  if (name.length > 253) return 'the name is longer than 253 characters';
  for (const label of name.split('.')) {
    if (label === '') return `the name "${text}" has an empty label`;
    if (label.length > 63) return `the label "${label}" is longer than 63 characters`;
    const wrong = /[^a-z0-9_-]/.exec(label);
    if (wrong !== null) return `the name "${text}" contains "${wrong[0]}"`;
  }
  return undefined;
}
