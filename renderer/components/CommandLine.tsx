/** A command to be typed into a terminal, with a button that copies it. */
import { useTranslation } from 'react-i18next';
import { useCopy } from './use-copy.ts';
import './command-line.css';

export function CommandLine({ command }: { command: string }) {
  const { t } = useTranslation();
  const copy = useCopy();
  return (
    <p className="command-line">
      <code className="mono">{command}</code>
      <button type="button" className="button" onClick={() => copy(command)}>
        {t('action.copy')}
      </button>
    </p>
  );
}
