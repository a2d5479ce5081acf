/** Where a rule of the person's own goes among those of a profile. No schema here: windows ask it as well. */

/** Before all other rules, or behind them. */
export const rulePlaces = ['first', 'last'] as const;
export type RulePlace = (typeof rulePlaces)[number];
