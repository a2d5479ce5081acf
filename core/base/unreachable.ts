/** Ends an exhaustive `switch`: a missing case is a compile error, and a thrown one at run time. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
