/** Saves the rows shown as a file. */
import { Download } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type CsvValue, toCsv } from '../text/csv.ts';
import { MenuButton } from './MenuButton.tsx';

export interface ExportMenuProps<E> {
  /** First part of the file's name. */
  name: string;
  /** Asked for when something is chosen. */
  rows: () => readonly E[];
  /** A row as a flat record, all with the same fields, for CSV. */
  record: (entry: E) => Record<string, CsvValue>;
  /** A row whole, for JSON. */
  whole: (entry: E) => unknown;
  disabled: boolean;
}

/** Its properties are functions that stay the same, so that it is not drawn again with every tick of its table. */
export function ExportMenu<E>({ name, rows, record, whole, disabled }: ExportMenuProps<E>) {
  // React compares elements by identity: the same element is not drawn again.
  return useMemo(
    () => <Menu name={name} disabled={disabled} records={() => rows().map(record)} rows={() => rows().map(whole)} />,
    [name, rows, record, whole, disabled],
  );
}

interface MenuProps {
  name: string;
  records: () => Record<string, CsvValue>[];
  rows: () => readonly unknown[];
  disabled: boolean;
}

function Menu({ name, records, rows, disabled }: MenuProps) {
  const { t } = useTranslation();
  const file = (ending: string) =>
    `mirage-${name}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${ending}`;
  const saveCsv = () => {
    const lines = records();
    saveFile(
      file('csv'),
      'text/csv',
      toCsv(
        Object.keys(lines[0] ?? {}),
        lines.map((line) => Object.values(line)),
      ),
    );
  };
  const saveJson = () => saveFile(file('json'), 'application/json', `${plainJson(rows())}\n`);
  return (
    <MenuButton label={t('action.export')} icon={<Download size={15} aria-hidden="true" />} disabled={disabled}>
      <DropdownMenu.Item className="menu-item" onSelect={saveCsv}>
        {t('action.exportCsv')}
      </DropdownMenu.Item>
      <DropdownMenu.Item className="menu-item" onSelect={saveJson}>
        {t('action.exportJson')}
      </DropdownMenu.Item>
    </MenuButton>
  );
}

/** The same values, with characters that would reorder or hide text in an editor written as escapes (RFC 8259, 7). */
function plainJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function saveFile(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own reference once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
