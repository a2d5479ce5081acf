/** Rules read one after the other, as a person would: the reference for the compiled ones. */
import { ipFamily, ipToBigInt, parseIp } from '../../../core/base/address.ts';
import { cidrContains, parseCidr } from '../../../core/base/cidr.ts';
import type { RuleConfig } from '../../../core/contract/config.ts';
import { setNameOf, setRuleTypes } from '../../../core/contract/sets.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { isBelow, type MadeRule, type MadeRules, type MadeSets } from './made-rules.ts';

type Verdict = 'yes' | 'no' | 'unknown';

export interface NaiveVerdict {
  readonly index: number;
  readonly policy: string;
}

/** A rule that wants the address is read again from its beginning once that was looked up. */
class Again extends Error {}

export class NaiveRules {
  asked = 0;
  readonly #rules: MadeRules;
  readonly #sets: MadeSets;
  readonly #metadata: Metadata;
  readonly #address: string | undefined;
  readonly #name: string | undefined;
  #ip: string | undefined;

  /** `address` is what a look-up finds. */
  constructor(rules: MadeRules, sets: MadeSets, metadata: Metadata, address: string | undefined) {
    this.#rules = rules;
    this.#sets = sets;
    this.#metadata = metadata;
    this.#address = address;
    const { host } = metadata.destination;
    this.#name = parseIp(host) === undefined ? host.toLowerCase() : undefined;
    const original = metadata.domainSource === 'sniffed' ? parseIp(metadata.originalDestination.host) : undefined;
    this.#ip = parseIp(host) ?? original;
  }

  get resolved(): string | undefined {
    return this.asked === 0 ? undefined : this.#address;
  }

  /** Goes on with what earlier calls have learned. */
  find(from = 0): NaiveVerdict {
    return this.#first(this.#rules.main, from) ?? { index: -1, policy: 'DIRECT' };
  }

  #first(list: readonly MadeRule[], from = 0): NaiveVerdict | undefined {
    for (let index = from; index < list.length; index++) {
      const made = list[index];
      if (made === undefined) break;
      const isLeading = made.rule.type === 'SUB-RULE';
      if (this.#read(isLeading ? (made.parts[0] ?? made) : made) !== 'yes') continue;
      // In a list that a sub-rule leads to, this only means that the rule is passed over.
      if (made.rule.policy === 'PASS-RULE') continue;
      if (!isLeading) return { index, policy: made.rule.policy };
      const inner = this.#first(this.#rules.lists[made.rule.policy] ?? []);
      if (inner !== undefined) return { index, policy: inner.policy };
    }
    return undefined;
  }

  #read(made: MadeRule): Verdict {
    try {
      return this.#test(made);
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      return this.#test(made);
    }
  }

  #test({ rule, parts }: MadeRule): Verdict {
    const type: string = rule.type;
    switch (type) {
      case 'AND': {
        let verdict: Verdict = 'yes';
        for (const part of parts) {
          const one = this.#test(part);
          if (one === 'no') return one;
          if (one === 'unknown') verdict = one;
        }
        return verdict;
      }
      case 'OR': {
        let verdict: Verdict = 'no';
        for (const part of parts) {
          const one = this.#test(part);
          if (one === 'yes') return one;
          if (one === 'unknown') verdict = one;
        }
        return verdict;
      }
      case 'NOT': {
        const [part] = parts;
        const one = part === undefined ? 'unknown' : this.#test(part);
        return one === 'yes' ? 'no' : one === 'no' ? 'yes' : one;
      }
      case 'IP-CIDR':
      case 'IP-CIDR6':
        return this.#testAddress(rule.noResolve, (ip) => isWithin(ip, [rule.payload]));
      case 'IP-SUFFIX':
        return this.#testAddress(rule.noResolve, (ip) => endsWith(ip, rule.payload));
      default:
        if (setRuleTypes.some((type) => type === rule.type)) return this.#testSet(rule);
        return this.#isTrue(rule) ? 'yes' : 'no';
    }
  }

  #testAddress(noResolve: boolean, contains: (ip: string) => boolean): Verdict {
    if (this.#ip !== undefined) return contains(this.#ip) ? 'yes' : 'no';
    if (this.asked > 0) return 'unknown';
    if (noResolve) return 'no';
    this.asked += 1;
    this.#ip = this.#address;
    throw new Again();
  }

  #testSet(rule: RuleConfig): Verdict {
    const isSource = rule.src === true || rule.type.startsWith('SRC-');
    const type = setRuleTypes.find((one) => one === rule.type) ?? 'RULE-SET';
    const isLan = rule.payload === 'lan';
    const set = this.#sets.get(setNameOf(type, rule.payload));
    const isAny = rule.type === 'RULE-SET' || rule.type === 'GEOSITE';
    const testAddress = (noResolve: boolean, prefixes: readonly string[]): Verdict => {
      const contains = (address: string | undefined): boolean =>
        address !== undefined && isWithin(address, prefixes) !== (set?.inverted === true);
      if (isSource) return contains(parseIp(this.#metadata.source.host)) ? 'yes' : 'no';
      return this.#testAddress(noResolve, contains);
    };
    if (isLan) return testAddress(rule.noResolve, ['10.0.0.0/8', '::1/128']);
    if (set === undefined) return 'unknown';
    if (rule.type === 'GEOSITE' || rule.payload === 'names') return this.#isBelow(set.names) ? 'yes' : 'no';
    if (!isAny || rule.payload === 'addresses') return testAddress(rule.noResolve, set.addresses);
    const verdicts: Verdict[] = [];
    if (this.#isBelow(set.names)) return 'yes';
    if (set.known.length > 0) verdicts.push(testAddress(true, set.known));
    if (set.others.some((other) => this.#test(other) === 'yes') || verdicts.includes('yes')) return 'yes';
    if (set.addresses.length > 0) verdicts.push(testAddress(rule.noResolve, set.addresses));
    return verdicts.includes('yes') ? 'yes' : verdicts.includes('unknown') ? 'unknown' : 'no';
  }

  #isBelow(names: readonly string[]): boolean {
    return this.#name !== undefined && isBelow(this.#name, names);
  }

  #isTrue({ type: written, payload }: RuleConfig): boolean {
    const type: string = written;
    const { destination, source, network, process, inbound, door } = this.#metadata;
    const text = payload.toLowerCase();
    const name = this.#name;
    const listed = (number: number): boolean =>
      text.split('/').some((item) => number >= Number(item.split('-')[0]) && number <= Number(item.split('-').at(-1)));
    const processNames = process === undefined ? [] : [process.name.toLowerCase(), process.path.slice(5).toLowerCase()];
    const paths = process === undefined ? [] : [process.path.toLowerCase()];
    // The few expressions made here mean the same to JavaScript's own engine.
    const fits = (texts: readonly string[]): boolean => texts.some((one) => new RegExp(payload, 'i').test(one));
    const isLike = (texts: readonly string[]): boolean => {
      const pattern = text.replaceAll('.', '[.]').replaceAll('*', '.*').replaceAll('?', '.');
      return texts.some((one) => new RegExp(`^${pattern}$`).test(one));
    };
    const names = name === undefined ? [] : [name];
    switch (type) {
      case 'MATCH':
        return true;
      case 'DST-PORT':
        return listed(destination.port);
      case 'SRC-PORT':
        return listed(source.port);
      case 'IN-PORT':
        return door !== undefined && listed(door.port);
      case 'UID':
        return process !== undefined && listed(process.uid);
      case 'DSCP':
        return listed(this.#metadata.trafficClass ?? 0);
      case 'SRC-IP-CIDR':
        return isWithin(parseIp(source.host), [payload]);
      case 'SRC-IP-SUFFIX':
        return endsWith(parseIp(source.host), payload);
      case 'NETWORK':
        return network === text;
      case 'IN-TYPE': {
        const seen = inbound === 'tun' ? 'TUN' : (door?.type ?? '');
        return payload.split('/').some((word) => seen === word || (word === 'SOCKS' && seen.startsWith('SOCKS')));
      }
      case 'IN-NAME':
        return payload === (inbound === 'tun' ? 'DEFAULT-TUN' : network === 'udp' ? 'DEFAULT-SOCKS' : 'DEFAULT-MIXED');
      case 'IN-USER':
        return door !== undefined && payload.split('/').includes(door.user);
      case 'PROCESS-NAME':
        return processNames.includes(text);
      case 'PROCESS-PATH':
        return paths.includes(text);
      case 'PROCESS-NAME-REGEX':
        return fits(processNames);
      case 'PROCESS-PATH-REGEX':
        return fits(paths);
      case 'PROCESS-NAME-WILDCARD':
        return isLike(processNames);
      case 'PROCESS-PATH-WILDCARD':
        return isLike(paths);
      case 'DOMAIN':
        return name === text;
      case 'DOMAIN-SUFFIX':
        return names.some((one) => isBelow(one, [text]));
      case 'DOMAIN-KEYWORD':
        return names.some((one) => one.includes(text));
      case 'DOMAIN-WILDCARD':
        return isLike(names);
      case 'DOMAIN-REGEX':
        return fits(names);
      default:
        throw new Error(`${type} is not made here`);
    }
  }
}

function isWithin(ip: string | undefined, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => {
    const cidr = parseCidr(prefix);
    return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
  });
}

function endsWith(ip: string | undefined, suffix: string): boolean {
  const cidr = parseCidr(suffix);
  if (cidr === undefined || ip === undefined || ipFamily(ip) !== cidr.family) return false;
  const bits = 2n ** BigInt(cidr.prefix);
  return ipToBigInt(ip) % bits === ipToBigInt(cidr.address) % bits;
}
