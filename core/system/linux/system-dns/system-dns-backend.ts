/** One way to make the machine's programs ask our server. Which one serves is chosen elsewhere, and so is what stood there before. */
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { CommandRunner } from '../../command-runner.ts';
import type { HealthSink } from '../../health-sink.ts';
import type { DnsSettings } from '../../system-dns.ts';
import type { UndoJournal } from '../../undo-journal.ts';
import type { FileWatch } from './file-watch.ts';
import type { ResolvConfFile } from './resolv-conf-file.ts';

export interface SystemDnsBackend {
  /**
   * Makes the machine ask our server, journaled; undefined takes back what the journal has of this kind, and ends what the backend
   * does by itself. Idempotent. Rejects with `SYSTEM_DNS_FAILED` or `SYSTEM_JOURNAL_FAILED`, and nothing was changed. Never
   * called while an earlier call, or a task of `serially`, is under way.
   */
  apply(wanted: DnsSettings | undefined): Promise<void>;
}

export interface BackendServices {
  readonly runner: CommandRunner;
  readonly file: ResolvConfFile;
  readonly journal: UndoJournal;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly watch: FileWatch;
  /** Of a file that we write where there was none. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Runs what the backend does by itself (it defends what it has set) when nothing else of system DNS is under way. */
  readonly serially: <T>(task: () => Promise<T>) => Promise<T>;
}
