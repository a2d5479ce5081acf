/** What people have chosen in policy groups, durable: SQLite in the helper. By user, then by the group's name. */

export interface ChoiceStore {
  /** Group -> member. Throws FAKE_IP_STORE. */
  choices(uid: number): Map<string, string>;
  /** On disk, against the death of the process, when it returns; null forgets. Throws FAKE_IP_STORE, and nothing has changed then. */
  choose(uid: number, group: string, member: string | null): void;
}

/** Choices of one user; of more the oldest is forgotten. */
export const maxChoices = 10_000;
