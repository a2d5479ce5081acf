/** A mutation fuzzer: takes good inputs, damages them, gives them to a target; reproducible by its seed. */

/** Milliseconds that one input may take; a machine that stands still for a moment is given another chance. */
const maxInputMs = 250;
const interesting = [0, 1, 2, 3, 5, 0x0a, 0x0d, 0x16, 0x20, 0x3a, 0x7f, 0x80, 0xc0, 0xff];
const maxInput = 4_096;

export interface FuzzPlan {
  readonly seconds: number;
  readonly seed: number;
}

/** `npm run fuzz` says how long and from which seed; `npm test` runs briefly and always alike. */
export function fuzzPlan(): FuzzPlan {
  const { MIRAGE_FUZZ_SECONDS: seconds, MIRAGE_FUZZ_SEED: seed } = process.env;
  return { seconds: seconds === undefined ? 0.4 : Number(seconds), seed: seed === undefined ? 20_461 : Number(seed) };
}

/**
 * Calls `target` with damaged copies of `seeds` until the time is over. Throws with the first input for which it throws or takes
 * too long. Returns how many were tried.
 */
export function fuzz(seeds: readonly Uint8Array[], target: (input: Uint8Array) => void, plan = fuzzPlan()): number {
  const random = randomNumbers(plan.seed);
  const end = performance.now() + plan.seconds * 1_000;
  let runs = 0;
  for (; performance.now() < end; runs += 1) {
    const input = mutated(seeds, random);
    const ms = timed(input, target);
    if (ms > maxInputMs && timed(input, target) > maxInputMs) {
      throw new Error(`takes ${ms.toFixed(0)} ms: ${Buffer.from(input).toString('hex')}`);
    }
  }
  return runs;
}

function timed(input: Uint8Array, target: (input: Uint8Array) => void): number {
  const begun = performance.now();
  try {
    target(Uint8Array.from(input));
  } catch (error) {
    throw new Error(`fails for ${Buffer.from(input).toString('hex')}`, { cause: error });
  }
  return performance.now() - begun;
}

type Random = (below: number) => number;

/** xorshift32. */
function randomNumbers(seed: number): Random {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(below, 1);
  };
}

function mutated(seeds: readonly Uint8Array[], random: Random): Uint8Array {
  const pick = () => seeds[random(seeds.length)] ?? new Uint8Array();
  let bytes = [...pick()];
  for (let count = 1 + random(5); count > 0; count -= 1) {
    const at = random(bytes.length + 1);
    const byte = random(2) === 0 ? (interesting[random(interesting.length)] ?? 0) : random(256);
    switch (random(7)) {
      case 0:
        bytes[at] = byte;
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 2:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random(8) }, () => byte));
        break;
      case 3:
        bytes.splice(at, 1 + random(12));
        break;
      case 4:
        bytes.splice(random(bytes.length + 1), 0, ...bytes.slice(at, at + random(48)));
        break;
      case 5:
        bytes = [...bytes.slice(0, at), ...pick().slice(random(64))];
        break;
      default:
        bytes.length = at;
    }
  }
  return Uint8Array.from(bytes.slice(0, maxInput), (value) => value ?? 0);
}
