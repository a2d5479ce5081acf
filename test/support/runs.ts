/**
 * How many random cases a property is tried with: so many by default, which is what a change is worth, and more where somebody has
 * the time (`MIRAGE_RUNS=20` for twenty times as many).
 */
const times = Number(process.env['MIRAGE_RUNS'] ?? 1);

export const runs = (usual: number): { readonly numRuns: number } => ({ numRuns: Math.ceil(usual * times) });
