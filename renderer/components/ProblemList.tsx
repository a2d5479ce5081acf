/** The mistakes of a configuration, each with its place: errors first, and what is said many times said once. */
import { useTranslation } from 'react-i18next';
import type { ConfigProblem } from '../../core/contract/error.ts';
import { groupProblems } from '../../core/contract/problem-groups.ts';
import { useProblemText } from '../i18n/use-problem-text.ts';
import { plainText } from '../text/plain-text.ts';
import { Chip } from './Chip.tsx';

export function ProblemList({ problems }: { problems: readonly ConfigProblem[] }) {
  const { t } = useTranslation();
  const textOf = useProblemText();
  // What forbids the profile's use comes first; within that, the order of the file.
  const sorted = problems.toSorted((a, b) => Number(a.severity !== 'error') - Number(b.severity !== 'error'));
  const told = groupProblems(sorted).map((group) => ({ ...group, text: textOf(group.problem) }));
  return (
    <ul className="problem-list">
      {told.map(({ problem, others, lines, text }) => (
        <li key={`${problem.line}:${problem.column}:${problem.path}:${problem.message}`}>
          <Chip tone={problem.severity === 'error' ? 'red' : 'amber'}>
            {t(problem.severity === 'error' ? 'settings.severityError' : 'settings.severityWarning')}
          </Chip>
          <div>
            <p>
              {plainText(text.message, 400)}
              {text.expected === undefined ? '' : ` ${t('error.expected', { text: plainText(text.expected, 300) })}`}
            </p>
            <p className="mono faint">
              {problem.code} · {plainText(problem.path, 200)}
              {problem.line === undefined
                ? ''
                : ` ${t('error.position', { line: problem.line, column: problem.column ?? 1 })}`}
            </p>
            {others === 0 ? null : (
              <p className="faint">{t('error.alike', { count: others, lines: listedLines(lines) })}</p>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** The first of them. */
function listedLines(lines: readonly number[]): string {
  return `${lines.slice(0, 10).join(', ')}${lines.length > 10 ? ', …' : ''}`;
}
