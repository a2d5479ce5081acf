/** Which names' addresses depend on the order in which they were asked for. */
import { FakeIpRange } from '../../../../core/dns/fake-ip/fake-ip-range.ts';
import { reduceHash, sipHash24 } from '../../../../core/dns/fake-ip/siphash.ts';

/**
 * Names in a row of neighbouring addresses in which one is not at home. A row without such a one is the same in whatever order
 * its names are asked for. `given`: every name there is, and its address.
 */
export function namesThatMet(given: ReadonlyMap<string, string>, key: Uint8Array, prefix: string): Set<string> {
  const range = new FakeIpRange(prefix);
  const bySlot = new Map([...given].map(([name, address]) => [range.slotOf(address) ?? -1, name]));
  const met = new Set<string>();
  const step = (slot: number, by: number) => (slot + by + range.capacity) % range.capacity;
  for (const [slot, name] of bySlot) {
    if (slot === reduceHash(sipHash24(key, Buffer.from(name)), range.capacity)) continue;
    for (const by of [1, -1])
      for (let at = slot, owner = bySlot.get(at); owner !== undefined; at = step(at, by), owner = bySlot.get(at))
        met.add(owner);
  }
  return met;
}
