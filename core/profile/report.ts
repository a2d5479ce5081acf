/** Problems of a profile for people at a terminal: where, what, what instead, and the line itself. Pure. */
import type { ConfigProblem } from '../contract/error.ts';
import { countProblems, groupProblems, type ProblemGroup } from '../contract/problem-groups.ts';

export interface ReportSource {
  /** As the person named it. */
  readonly file: string;
  readonly text: string;
  /** What was merged on top of it, with its own lines. */
  readonly override?: { readonly file: string; readonly text: string };
}

/** Gives a part of the report a look; the terminal's colours are the caller's affair. */
export type Mark = (style: 'bold' | 'dim' | 'red' | 'yellow' | 'green', text: string) => string;

const unmarked: Mark = (_, text) => text;

/** Ranges of lines with the same problem that are shown at most. */
const maxRanges = 10;
/** Columns of a line that are shown at most. */
const maxShown = 120;

/**
 * One entry a problem, `file:line:column: severity[CODE]: path: message (expected ...)`, below it the line with a caret; errors
 * first, and what is said many times once with the other lines. Empty without problems. Secrets in shown lines are masked;
 * control characters of the file never reach the terminal.
 */
export function renderReport(problems: readonly ConfigProblem[], source: ReportSource, mark = unmarked): string {
  const own = { file: source.file, lines: linesOf(source.text) };
  const override = source.override && { file: source.override.file, lines: linesOf(source.override.text) };
  return groupProblems(problems)
    .map((group) => {
      const { file, lines } = group.problem.file === undefined ? own : (override ?? { file: 'override', lines: [] });
      return renderGroup(group, file, lines, mark);
    })
    .join('\n');
}

/** `2 errors, 1 warning`, or `no problems`. */
export function summary(problems: readonly ConfigProblem[]): string {
  const { errors, warnings } = countProblems(problems);
  const parts = [errors > 0 ? count(errors, 'error') : '', warnings > 0 ? count(warnings, 'warning') : ''];
  return parts.filter((part) => part !== '').join(', ') || 'no problems';
}

/** One sentence: whether the profile can be applied, and without what. `size` says how much of it there is. */
export function verdict(problems: readonly ConfigProblem[], size: string | undefined, mark = unmarked): string {
  const { errors, warnings, later } = countProblems(problems);
  const told = warnings === 0 ? undefined : count(warnings, 'warning');
  if (size !== undefined) {
    if (errors > 0) return `${mark('yellow', 'valid without what is wrong')}: ${size}, ${summary(problems)}`;
    return `${mark('green', 'valid')}: ${size}, ${told === undefined ? 'no problems' : `${told} about what is left out or read otherwise`}`;
  }
  const says = later === 1 ? 'says' : 'say';
  const only = later === errors ? `, which only ${says}` : `, ${later} of which only ${says}`;
  const because = `${count(errors, 'error')}${later === 0 ? '' : `${only} what is not supported yet`}`;
  return `${mark('red', 'not valid')}, so it is not applied: ${because}${told === undefined ? '' : `; ${told}`}`;
}

/** The first line of an entry, as compilers write it; for problems of which the text is not at hand. `file` may be empty. */
export function problemLine(problem: ConfigProblem, file: string, mark = unmarked): string {
  const place = [file, problem.line, problem.column].filter((part) => part !== undefined && part !== '').join(':');
  const severity = mark(problem.severity === 'error' ? 'red' : 'yellow', `${problem.severity}[${problem.code}]`);
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const expected = problem.expected === undefined ? '' : ` ${mark('dim', harmless(`(expected ${problem.expected})`))}`;
  return `${place === '' ? '' : `${mark('bold', harmless(place))}: `}${severity}: ${harmless(path + problem.message)}${expected}`;
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|[\n\r\u0085\u2028\u2029]/);
}

function renderGroup(
  { problem, others, lines: at }: ProblemGroup,
  file: string,
  text: readonly string[],
  mark: Mark,
): string {
  const first = renderProblem(problem, file, text, mark);
  if (others === 0) return first;
  const where = at.length === 0 ? '' : `, ${at.length === 1 ? 'in line' : 'in lines'} ${lineRanges(at)}`;
  return `${first}\n    ${mark('dim', `and ${others} more of these${where}`)}`;
}

/** `3, 5-9, 12`, the first of them. */
function lineRanges(lines: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const line of lines) {
    const last = ranges.at(-1);
    if (last?.to === line - 1) last.to = line;
    else ranges.push({ from: line, to: line });
  }
  const shown = ranges.slice(0, maxRanges).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return `${shown.join(', ')}${ranges.length > maxRanges ? ', ...' : ''}`;
}

function renderProblem(problem: ConfigProblem, file: string, lines: readonly string[], mark: Mark): string {
  const first = problemLine(problem, file, mark);
  const line = problem.line === undefined ? undefined : lines[problem.line - 1];
  // What is no profile may be all passwords.
  if (line === undefined || problem.column === undefined || line.trim() === '' || problem.code.startsWith('TEXT_IS_'))
    return first;
  const shown = excerpt(maskSecrets(line, problem.path), problem.column - 1);
  return `${first}\n    ${harmless(shown.text)}\n    ${' '.repeat(shown.caret)}${mark('bold', '^')}`;
}

/** The part of a line around an index, and the column of the caret in it. */
function excerpt(line: string, index: number): { text: string; caret: number } {
  const indent = line.length - line.trimStart().length;
  const start = index - Math.min(indent, index) > maxShown - 20 ? index - maxShown / 2 : Math.min(indent, index);
  const text = line.slice(start, start + maxShown);
  const before = start > indent ? '...' : '';
  const after = start + maxShown < line.length ? '...' : '';
  const caret = before.length + columns(harmless(line.slice(start, index)));
  return { text: `${before}${text}${after}`, caret };
}

/** Values of secret keys, and users with their passwords, as asterisks of the same length. */
function maskSecrets(line: string, path: string): string {
  if (path.startsWith('authentication'))
    return line.replace(/:[^\s"',\]]+/g, (found) => `:${'*'.repeat(found.length - 1)}`);
  return (
    line
      .replace(
        /((?:password|passwd|secret|token|uuid|psk|private-key)["']?\s*:\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}]+)/gi,
        (_, key: string, value: string) => key + '*'.repeat(value.length),
      )
      // A header has its scheme in front, and a space between.
      .replace(
        /((?:authorization|cookie)["']?\s*:\s*)([^"',}]+|"(?:[^"\\]|\\.)*"?|'[^']*'?)/gi,
        (_, key: string, value: string) => key + '*'.repeat(value.length),
      )
      .replace(/(:\/\/)([^/\s@]+)(?=@)/g, (_, slashes: string, user: string) => slashes + '*'.repeat(user.length))
  );
}

/** Tabs as one space; other control characters, and those that turn or hide text, as a visible mark. */
function harmless(text: string): string {
  return text.replaceAll('\t', ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u00b7');
}

/** Terminal columns: East Asian wide characters and pictographs take two, combining ones none. */
function columns(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
