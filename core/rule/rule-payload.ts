/** What may stand in a rule's second field, by type. Used where rules are written and, again, where they are compiled. */
import { parseCidr } from '../base/cidr.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import { unreachable } from '../base/unreachable.ts';
import type { RuleType } from '../contract/config.ts';
import { parsePortList } from './port-ranges.ts';

export interface PayloadProblem {
  readonly message: string;
  readonly expected: string;
  /** Where in the payload, from 0. */
  readonly offset: number;
}

/** Why `payload` (trimmed) is not valid for `type`, or undefined. */
export function payloadProblem(type: RuleType, payload: string): PayloadProblem | undefined {
  if (payload.length > 1024) return problem('the payload is longer than 1024 characters', 'a shorter payload');
  switch (type) {
    case 'DOMAIN':
    case 'DOMAIN-SUFFIX':
      return domainProblem(type, payload);
    case 'DOMAIN-KEYWORD':
      return keywordProblem(payload);
    case 'IP-CIDR':
    case 'IP-CIDR6':
      return cidrProblem(type, payload);
    case 'DST-PORT': {
      const list = parsePortList(payload);
      return list.ok
        ? undefined
        : problem(list.problem.message, 'ports 1-65535, e.g. 80/443/1000-2000', list.problem.offset);
    }
    case 'MATCH':
      return payload === '' ? undefined : problem('MATCH has no payload', 'MATCH,policy');
    default:
      return unreachable(type);
  }
}

function domainProblem(type: 'DOMAIN' | 'DOMAIN-SUFFIX', payload: string): PayloadProblem | undefined {
  const message = domainNameProblem(payload);
  if (message === undefined) return undefined;
  if (message.includes('is an address'))
    return problem(message, `IP-CIDR,${payload}/${payload.includes(':') ? 128 : 32},...`);
  return problem(
    message,
    type === 'DOMAIN' ? 'a name such as www.example.com' : 'a name such as example.com, without "." or "*." in front',
  );
}

function keywordProblem(payload: string): PayloadProblem | undefined {
  const expected = 'a part of a name: letters, digits, "-", "_" and "."';
  if (payload === '') return problem('the keyword is empty', expected);
  const wrong = /[^a-zA-Z0-9._-]/u.exec(payload);
  if (wrong === null) return undefined;
  return problem(`no name contains "${wrong[0]}", so the keyword would never match`, expected, wrong.index);
}

function cidrProblem(type: 'IP-CIDR' | 'IP-CIDR6', payload: string): PayloadProblem | undefined {
  const expected =
    type === 'IP-CIDR'
      ? 'an address and a prefix length, e.g. 192.0.2.0/24'
      : 'an address and a prefix length, e.g. 2001:db8::/32';
  if (parseCidr(payload) === undefined) return problem(`"${payload}" is no IP prefix`, expected);
  if (payload.includes('/')) return undefined;
  return problem(`"${payload}" has no prefix length`, `${payload}/${payload.includes(':') ? 128 : 32}`);
}

function problem(message: string, expected: string, offset = 0): PayloadProblem {
  return { message, expected, offset };
}
