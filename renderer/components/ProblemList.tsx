/** The mistakes of a configuration, each with its place. */
import { useTranslation } from 'react-i18next';
import type { ConfigProblem } from '../../core/contract/error.ts';
import { plainText } from '../text/plain-text.ts';
import { Chip } from './Chip.tsx';

export function ProblemList({ problems }: { problems: readonly ConfigProblem[] }) {
  const { t } = useTranslation();
  return (
    <ul className="problem-list">
      {problems.map((problem) => (
        <li key={`${problem.line}:${problem.column}:${problem.path}:${problem.message}`}>
          <Chip tone={problem.severity === 'error' ? 'red' : 'amber'}>
            {t(problem.severity === 'error' ? 'settings.severityError' : 'settings.severityWarning')}
          </Chip>
          <div>
            <p>
              {plainText(problem.message, 400)}
              {problem.expected === undefined
                ? ''
                : ` ${t('error.expected', { text: plainText(problem.expected, 200) })}`}
            </p>
            <p className="mono faint">
              {plainText(problem.path, 200)}
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
