/** Which status codes of a test's answer count: `*`, or `200/204/400-500`. */

export function matchesStatus(expected: string, status: number): boolean {
  if (expected === '*') return true;
  return expected.split('/').some((part) => {
    const [from = '', to = from] = part.split('-');
    return status >= Number(from) && status <= Number(to);
  });
}
