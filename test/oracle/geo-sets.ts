/** Sets of the real geodata, and of entries that a profile has itself, as the helper would have them. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { numberToIpv4 } from '../../core/base/address.ts';
import { finish } from '../../core/base/steps.ts';
import type { SetBehavior } from '../../core/contract/sets.ts';
import type { GeoFile } from '../../core/profile/provider-contents.ts';
import { FormatError } from '../../core/provider/formats/format-error.ts';
import { geoCode, keyOf, readGeoFile } from '../../core/provider/formats/geo-file.ts';
import { inlineSet } from '../../core/provider/formats/read-set.ts';
import type { CanonicalSet } from '../../core/provider/formats/set-writer.ts';
import type { RuleSet } from '../../core/rule/rule-set.ts';
import { readCanonicalSet } from '../../core/rule/sets/set-reader.ts';
import { peerFile } from '../support/peers.ts';

const files: Readonly<Record<string, GeoFile>> = { geosite: 'geosite', geoip: 'country', asn: 'asn' };
const names: Readonly<Record<GeoFile, string>> = {
  geosite: 'geosite.dat',
  country: 'country.mmdb',
  asn: 'ASN.mmdb',
  geoip: 'geoip.dat',
};

export const hasGeodata = ['geosite', 'country', 'asn'].every(
  (file) => peerFile(`geodata/${names[file as GeoFile]}`) !== undefined,
);

/** Entries of rule providers, by name. */
export type Entries = Readonly<Record<string, readonly [SetBehavior, ...string[]]>>;

export class GeoSets {
  readonly #providers: Entries;
  readonly #seed: number;
  /** Of geodata: shared, as reading it takes long. */
  readonly #geo: Map<string, CanonicalSet | undefined>;

  constructor(providers: Entries, seed: number, geo = new Map<string, CanonicalSet | undefined>()) {
    this.#providers = providers;
    this.#seed = seed;
    this.#geo = geo;
  }

  /** The same geodata with other rule providers. */
  beside(providers: Entries): GeoSets {
    return new GeoSets(providers, this.#seed, this.#geo);
  }

  /** Undefined for one that is not there. */
  setOf(name: string): RuleSet | undefined {
    const isInverted = /^geo(?:site|ip):!/.test(name);
    const set = this.#canonical(isInverted ? name.replace(':!', ':') : name);
    return set && { ...finish(readCanonicalSet(set.bytes, set.behavior)), inverted: isInverted };
  }

  /** Some of the names of a set. */
  namesIn(name: string, count: number): string[] {
    return this.#some(name, /^[=+.](\S+)$/gm, count).map(([, one = '']) => one);
  }

  /** Some addresses at the borders of its prefixes, within and without. */
  placesIn(name: string, count: number): string[] {
    return this.#some(name, /^4:(\w{8})-(\w{8})$/gm, count).flatMap(([, first = '0', last = '0']) => {
      const [low, high] = [Number.parseInt(first, 16), Number.parseInt(last, 16)];
      return [low, high, low - 1, high + 1].filter((at) => at > 0x0100_0000 && at < 0xe000_0000).map(numberToIpv4);
    });
  }

  #some(name: string, line: RegExp, count: number): readonly RegExpExecArray[] {
    const all = [...(this.#canonical(name)?.bytes.toString('latin1').matchAll(line) ?? [])];
    return all.length === 0 ? [] : fc.sample(fc.constantFrom(...all), { numRuns: count, seed: this.#seed });
  }

  #canonical(name: string): CanonicalSet | undefined {
    if (name.startsWith('rule-set:')) return this.#read(name);
    if (!this.#geo.has(name)) this.#geo.set(name, this.#read(name));
    return this.#geo.get(name);
  }

  #read(name: string): CanonicalSet | undefined {
    const at = name.indexOf(':');
    const [kind, code] = [name.slice(0, at), name.slice(at + 1)];
    if (kind === 'rule-set') {
      const [behavior, ...entries] = this.#providers[code] ?? [];
      return behavior && inlineSet(entries, behavior);
    }
    const file = files[kind];
    if (file === undefined) return undefined;
    const wanted = geoCode(kind === 'geosite' ? 'GEOSITE' : kind === 'asn' ? 'IP-ASN' : 'GEOIP', code);
    const set = readGeoFile(file, readFileSync(peerFile(`geodata/${names[file]}`) ?? ''), [wanted]).get(keyOf(wanted));
    return set === undefined || set instanceof FormatError ? undefined : set;
  }
}
