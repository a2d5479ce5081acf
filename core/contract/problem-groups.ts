/** The mistakes of a profile as people read them: errors first, and what is said many times said once. */
import type { ConfigProblem } from './error.ts';
import { laterCodes } from './problem-texts.ts';
import { type KeyFate, noteFates } from './profile-notes.ts';

/** What a problem means for the person: a mistake, something that is otherwise than written, or what becomes of a key. */
export const problemFates = ['error', 'warning', 'later', 'differently', 'ignored'] as const;
export type ProblemFate = (typeof problemFates)[number];

export function fateOfProblem({ severity, code }: Pick<ConfigProblem, 'severity' | 'code'>): ProblemFate {
  if (severity === 'error') return 'error';
  const fate: KeyFate | undefined = Object.entries(noteFates).find(([note]) => note === code)?.[1];
  if (fate !== undefined && fate !== 'supported') return fate;
  return code.endsWith('_LATER') ? 'later' : 'warning';
}

export interface ProblemGroup {
  /** The first of them in the order given. */
  readonly problem: ConfigProblem;
  /** How many say the same at other places. */
  readonly others: number;
  /** Lines of the others, ascending, each once. */
  readonly lines: readonly number[];
}

/**
 * Problems with the same text become one group, in the order of their fates; how many are not listed comes last, else the order
 * stays.
 */
export function groupProblems(problems: readonly ConfigProblem[]): ProblemGroup[] {
  const alike = new Map<string, ConfigProblem[]>();
  const placed = problems.map((problem) => ({
    problem,
    fate: problem.code === 'MORE_UNLISTED' ? 'unlisted' : fateOfProblem(problem),
  }));
  for (const place of [...problemFates, 'unlisted']) {
    for (const { problem, fate } of placed) {
      if (place !== fate) continue;
      const { severity, file } = problem;
      const text = JSON.stringify([severity, file, problem.code, problem.message, problem.expected]);
      const group = alike.get(text);
      if (group === undefined) alike.set(text, [problem]);
      else group.push(problem);
    }
  }
  return [...alike.values()].flatMap(([problem, ...others]) => {
    if (problem === undefined) return [];
    const lines = new Set(others.flatMap(({ line }) => line ?? []));
    return [{ problem, others: others.length, lines: [...lines].toSorted((a, b) => a - b) }];
  });
}

export interface ProblemCounts {
  readonly errors: number;
  readonly warnings: number;
  /** Errors that only say what is not supported yet. */
  readonly later: number;
}

/** Counts also what is not listed. */
export function countProblems(problems: readonly ConfigProblem[]): ProblemCounts {
  let [errors, warnings, later] = [0, 0, 0];
  for (const { severity, code, values } of problems) {
    if (code === 'MORE_UNLISTED') {
      errors += Number(values?.['errors'] ?? 0);
      warnings += Number(values?.['warnings'] ?? 0);
      later += Number(values?.['later'] ?? 0);
    } else if (severity === 'warning') warnings += 1;
    else {
      errors += 1;
      if (laterCodes.has(code)) later += 1;
    }
  }
  return { errors, warnings, later };
}
