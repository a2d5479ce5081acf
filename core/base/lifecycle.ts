/** Things that are started and stopped. */
export interface Service {
  /** Resolves when ready; on failure everything begun is undone before it rejects. */
  start(): Promise<void>;
  /** Idempotent; resolves when nothing of it is left. Never rejects for work that was already gone. */
  stop(): Promise<void>;
}
