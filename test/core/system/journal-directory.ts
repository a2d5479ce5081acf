/** A real undo journal in a directory of its own, for tests of those who write into it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { silentLogger } from '../../../core/base/logger.ts';
import { UndoJournal, type UndoJournalOptions } from '../../../core/system/undo-journal.ts';

export class JournalDirectory implements Disposable {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-journal-'));
  readonly path = path.join(this.directory, 'undo-journal.json');

  /** Opens it as the next process would. */
  async open(beforeStep?: UndoJournalOptions['beforeStep']): Promise<UndoJournal> {
    return await UndoJournal.open({
      path: this.path,
      now: () => 1_700_000_000_000,
      logger: silentLogger,
      ...(beforeStep === undefined ? {} : { beforeStep }),
    });
  }

  /** What lies on disk: the kinds of the records, or undefined when there is no journal. */
  kinds(): string[] | undefined {
    if (!fs.existsSync(this.path)) return undefined;
    const file = JSON.parse(fs.readFileSync(this.path, 'utf8')) as { records: { kind: string }[] };
    return file.records.map((record) => record.kind);
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
