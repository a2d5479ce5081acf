/** The mistakes of a configuration and the fates of its keys, each with its place: errors first, and what is said many times said once. */
import { useTranslation } from 'react-i18next';
import type { ConfigProblem } from '../../core/contract/error.ts';
import { fateOfProblem, groupProblems, type ProblemFate } from '../../core/contract/problem-groups.ts';
import { useProblemText } from '../i18n/use-problem-text.ts';
import { plainText } from '../text/plain-text.ts';
import { Chip, type ChipTone } from './Chip.tsx';

const tones: Readonly<Record<ProblemFate, ChipTone>> = {
  error: 'red',
  warning: 'amber',
  later: 'amber',
  differently: 'plain',
  ignored: 'plain',
};

export interface ProblemListProps {
  problems: readonly ConfigProblem[];
  /** Leads to where one stands. */
  onOpen?: (problem: ConfigProblem) => void;
}

export function ProblemList({ problems, onOpen }: ProblemListProps) {
  const { t } = useTranslation();
  const textOf = useProblemText();
  const told = groupProblems(problems).map((group) => ({
    ...group,
    fate: fateOfProblem(group.problem),
    text: textOf(group.problem),
  }));
  return (
    <ul className="problem-list">
      {told.map(({ problem, others, lines, fate, text }) => (
        <li key={`${problem.file}:${problem.line}:${problem.column}:${problem.path}:${problem.message}`}>
          <Chip tone={tones[fate]}>{t(`profileKeys.fates.${fate}`)}</Chip>
          <div>
            <p>
              {plainText(text.message, 400)}
              {text.expected === undefined ? '' : ` · ${t('error.expected', { text: plainText(text.expected, 300) })}`}
            </p>
            <p className="mono faint">
              {problem.code} · {plainText(problem.path, 200)}
              <Position problem={problem} onOpen={onOpen} />
              {problem.file === undefined ? '' : ` · ${t('profileKeys.inOverride')}`}
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

function Position({ problem, onOpen }: { problem: ConfigProblem; onOpen: ProblemListProps['onOpen'] }) {
  const { t } = useTranslation();
  const { line, column = 1 } = problem;
  if (line === undefined) return null;
  const place = t('error.position', { line, column });
  if (onOpen === undefined) return <> {place}</>;
  return (
    <>
      {' '}
      <button type="button" className="link problem-open" onClick={() => onOpen(problem)}>
        {place}
      </button>
    </>
  );
}

/** The first of them. */
function listedLines(lines: readonly number[]): string {
  return `${lines.slice(0, 10).join(', ')}${lines.length > 10 ? ', …' : ''}`;
}
