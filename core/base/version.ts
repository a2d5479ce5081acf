/** The release that this source belongs to: the same as in package.json (a test compares them). */
export const mirageVersion = '0.1.0';
