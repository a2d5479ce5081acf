/** Takes what is dropped anywhere in the window, and what is pasted on the Profiles page, to the import dialog. */
import { FileDown } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ImportBox } from '../../../stores/import-box.ts';
import { useLive, useServices } from '../../../stores/services.ts';
import './import-catcher.css';

export function ImportCatcher() {
  const { t } = useTranslation();
  const { importBox, ui } = useServices();
  const offer = useLive(({ info }) => info?.offer);
  const [over, setOver] = useState(false);
  useEffect(() => importBox.offer(offer), [importBox, offer]);
  useEffect(() => {
    // What is moved within our own page: a column of a table, a selected text.
    let isOwn = false;
    const begin = () => {
      isOwn = true;
    };
    const end = () => {
      isOwn = false;
    };
    const drag = (event: DragEvent) => {
      if (isOwn || !isWanted(event)) return;
      // Otherwise a browser would leave our page for what is dropped.
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (event.dataTransfer === null || isOwn || !isWanted(event)) return;
      event.preventDefault();
      giveDropped(event.dataTransfer, importBox);
    };
    const paste = (event: ClipboardEvent) => {
      const { page } = ui.store.getState();
      if (event.clipboardData === null || page !== 'profiles' || isEditable(event.target)) return;
      const [file] = event.clipboardData.files;
      const text = event.clipboardData.getData('text/plain');
      if (file !== undefined) void importBox.giveFile(file, file.name);
      else if (text !== '') importBox.giveText(text);
    };
    const life = new AbortController();
    const { signal } = life;
    window.addEventListener('dragstart', begin, { signal });
    window.addEventListener('dragend', end, { signal });
    window.addEventListener('dragover', drag, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('drop', drop, { signal });
    window.addEventListener('paste', paste, { signal });
    return () => life.abort();
  }, [importBox, ui]);
  return over ? (
    <div className="drop-cover">
      <p>
        <FileDown size={20} aria-hidden="true" />
        {t('import.drop')}
      </p>
    </div>
  ) : null;
}

function giveDropped(data: DataTransfer, box: ImportBox): void {
  const [file] = data.files;
  if (file !== undefined) {
    void box.giveFile(file, file.name);
    return;
  }
  // RFC 2483 section 5: lines that begin with # are comments.
  const address = data
    .getData('text/uri-list')
    .split(/[\r\n]+/)
    .find((line) => line !== '' && !line.startsWith('#'));
  const text = address ?? data.getData('text/plain');
  if (text !== '') box.giveText(text);
}

/** Files anywhere; a text or a link only where nobody edits. */
function isWanted({ dataTransfer, target }: DragEvent): boolean {
  const types = dataTransfer?.types ?? [];
  if (types.includes('Files')) return true;
  return (types.includes('text/uri-list') || types.includes('text/plain')) && !isEditable(target);
}

function isEditable(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, dialog, [contenteditable]') !== null;
}
