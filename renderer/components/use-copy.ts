/** Copying text, with a word about how it went. */
import { useTranslation } from 'react-i18next';
import { useServices } from '../stores/services.ts';

export function useCopy(): (text: string) => void {
  const { notices } = useServices();
  const { t } = useTranslation();
  return (text) => {
    void writeClipboard(text).then((written) => notices.say(t(written ? 'action.copied' : 'action.copyFailed')));
  };
}

/** Pages of plain http on another machine have no clipboard API: there the old way through a selected field is left. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'visually-hidden';
    document.body.append(field);
    field.select();
    const written = document.execCommand('copy');
    field.remove();
    return written;
  }
}
