/** Types of toolchain.mjs, as far as tests use it. */
export function findProgram(name: string): string | undefined;
