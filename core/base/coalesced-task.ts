/** A task that is run once more after the run under way, however many ask for it meanwhile. */

export class CoalescedTask {
  readonly #task: () => Promise<void>;
  #isWanted = false;
  #isRunning = false;

  /** `task` tells its failures itself. */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  demand(): void {
    this.#isWanted = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        await this.#task();
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
