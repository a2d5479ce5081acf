/** The index that stands for "no rule": greater than every index, so that the lowest index wins by plain comparison. */
export const noRule = Number.POSITIVE_INFINITY;
