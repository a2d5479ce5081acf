/** The mistakes of a configuration, each with its place. */
import { useTranslation } from 'react-i18next';
import type { ConfigProblem } from '../../core/contract/error.ts';
import { useProblemText } from '../i18n/use-problem-text.ts';
import { plainText } from '../text/plain-text.ts';
import { Chip } from './Chip.tsx';

export function ProblemList({ problems }: { problems: readonly ConfigProblem[] }) {
  const { t } = useTranslation();
  const textOf = useProblemText();
  const told = problems.map((problem) => ({ problem, text: textOf(problem) }));
  return (
    <ul className="problem-list">
      {told.map(({ problem, text }) => (
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
          </div>
        </li>
      ))}
    </ul>
  );
}
