/**
 * Spreads flows over the members that are alive. By consistent hashing, what belongs to one site keeps its member; sticky sessions
 * keep it for each source as well, for as long as it is used; round robin takes one after the other.
 */
import { LRUCache } from 'lru-cache';
import { registrableDomain } from '../../base/registrable-domain.ts';
import type { BalanceStrategy, GroupConfig } from '../../contract/config.ts';
import type { Metadata } from '../../flow/metadata.ts';
import { jumpHash, textHash } from './consistent-hash.ts';
import type { GroupKind } from './group-kind.ts';

/** Sessions that are remembered, and for how long after their last flow. Milliseconds. */
const maxSessions = 10_000;
const sessionMs = 600_000;
/** Members that are tried in place of dead ones before the first that is alive is taken. */
const maxTries = 5;

/** All that could be dialled, in the order of the profile, and which of them are alive. */
interface Choice {
  readonly usable: readonly string[];
  readonly alive: readonly string[];
  readonly isAlive: (member: string) => boolean;
}
type Pick = (flow: Metadata, choice: Choice) => string | undefined;

export function loadBalanceGroup({ strategy = 'consistent-hashing' }: GroupConfig): GroupKind {
  let choice: Choice = { usable: [], alive: [], isAlive: () => false };
  const pick = strategies[strategy]();
  return {
    isChosen: false,
    isTested: true,
    candidates: (members, facts) => {
      const usable = members.filter((member) => facts.isUsable(member));
      const alive = usable.filter((member) => facts.isAlive(member));
      const living = new Set(alive);
      choice = { usable, alive, isAlive: (member) => living.has(member) };
      // Where none answers, a test may be wrong.
      return alive.length > 0 ? alive : usable;
    },
    pick: (flow) => pick(flow, choice),
  };
}

const strategies: Readonly<Record<BalanceStrategy, () => Pick>> = {
  'consistent-hashing': () => (flow, choice) => byHash(siteOf(flow), choice),
  'round-robin': () => {
    let turn = 0;
    return (_flow, { usable, alive }) => {
      const members = alive.length > 0 ? alive : usable;
      return members[turn++ % members.length];
    };
  },
  'sticky-sessions': () => {
    const sessions = new LRUCache<string, string>({ max: maxSessions, ttl: sessionMs, updateAgeOnGet: true });
    let next = 0;
    return (flow, choice) => {
      const session = `${flow.source.host} ${siteOf(flow)}`;
      const known = sessions.get(session);
      if (known !== undefined && choice.isAlive(known)) return known;
      const member = byHash(`${session} ${next++}`, choice);
      if (member !== undefined) sessions.set(session, member);
      return member;
    };
  },
};

/** What belongs together: a registrable domain, or an address. */
function siteOf({ destination }: Metadata): string {
  return registrableDomain(destination.host);
}

/** The place of a key does not move when another member dies, only that of the keys it had. */
function byHash(key: string, { usable, alive, isAlive }: Choice): string | undefined {
  for (let i = 0; i < maxTries; i++) {
    const member = usable[jumpHash(textHash(i === 0 ? key : `${key}\n${i}`), usable.length)];
    if (member !== undefined && isAlive(member)) return member;
  }
  return alive[0] ?? usable[0];
}
