/**
 * The names whose way was decided lately, found by their letters without making a string of them. A cache: where its places are
 * taken, the name that came first gives way and is asked about again.
 */
import type { AskedName } from '../fake-ip/fake-ip-mapping.ts';

/** A name with what was found of it. `hash` is that of its letters. */
export class PlainName implements AskedName {
  readonly name: string;
  readonly hash: number;
  entry: AskedName['entry'] = undefined;

  constructor(name: string, hash: number) {
    this.name = name;
    this.hash = hash;
  }
}

/** The letters of a name and their hash, as they are read. */
export interface NameLetters {
  /** Normalised: lower case, with dots; the first `length` bytes. */
  readonly letters: Uint8Array;
  readonly length: number;
  readonly hash: number;
}

const leastPlaces = 1_024;
/** Half of them are filled: 65,536 names, as many as one client may have. */
const mostPlaces = 131_072;
/** Places from its hash on where a name may be: whoever finds names with one hash slows nobody down. */
const probes = 8;

export class PlainNames {
  #places: (PlainName | undefined)[] = emptyPlaces(leastPlaces);
  #size = 0;

  find(asked: NameLetters): PlainName | undefined {
    const places = this.#places;
    const { hash } = asked;
    const mask = places.length - 1;
    for (let i = 0; i < probes; i++) {
      const place = places[(hash + i) & mask];
      if (place === undefined) return undefined;
      if (place.hash === hash && isSame(place.name, asked)) return place;
    }
    return undefined;
  }

  /** `name` is what the letters say. */
  add(name: string, hash: number): PlainName {
    if (2 * this.#size >= this.#places.length && this.#places.length < mostPlaces) this.#grow();
    const added = new PlainName(name, hash);
    this.#put(added);
    return added;
  }

  clear(): void {
    this.#places = emptyPlaces(leastPlaces);
    this.#size = 0;
  }

  #put(added: PlainName): void {
    const places = this.#places;
    const mask = places.length - 1;
    for (let i = 0; i < probes; i++) {
      const at = (added.hash + i) & mask;
      if (places[at] !== undefined) continue;
      places[at] = added;
      this.#size += 1;
      return;
    }
    places[added.hash & mask] = added;
  }

  #grow(): void {
    const former = this.#places;
    this.#places = emptyPlaces(2 * former.length);
    this.#size = 0;
    for (const place of former) if (place !== undefined) this.#put(place);
  }
}

function emptyPlaces(count: number): (PlainName | undefined)[] {
  return Array.from<PlainName | undefined>({ length: count }).fill(undefined);
}

function isSame(name: string, { letters, length }: NameLetters): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== letters[i]) return false;
  return true;
}
