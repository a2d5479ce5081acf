/** Types of assemble-helper.mjs. */
export const helperHome: string;
export function assembleHelper(home?: string): { node: string; main: string };
