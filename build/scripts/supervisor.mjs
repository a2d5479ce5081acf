/**
 * Keeps a program running that must not stay dead: what is killed or fails is started again, a few times a minute. Knows
 * no processes: whoever uses it starts them and says what came of them.
 */

/** Restarts within the period; one more gives up. */
export const restartLimit = 3;
/** Milliseconds. */
export const restartPeriod = 60_000;
/** sysexits(3) of a helper for which another try is pointless: wrong option, another one runs, not allowed. */
const permanent = new Set([64, 75, 77]);
/** A first start that fails by itself within this time (milliseconds) would fail again. */
const trialPeriod = 5_000;

/**
 * Starts the program and resolves with the exit code of the whole: 0 when it ended as asked, else that of its last end.
 * `start` resolves with the end of one life, `{ code, signal }`; `stopped` tells whether the end was asked for; `giveUp` is
 * awaited when it is not started again after it ran; `tell` takes a sentence for the terminal; `now` gives milliseconds.
 */
export async function keepRunning({ start, stopped, giveUp, tell, now }) {
  const restarts = [];
  for (let life = 0; ; life++) {
    const begun = now();
    const { code, signal } = await start();
    const how = signal ?? `exit code ${code}`;
    if (stopped() || code === 0 || permanent.has(code)) return code ?? (signal === 'SIGTERM' ? 0 : 1);
    if (life === 0 && signal === null && now() - begun < trialPeriod) return code;
    while (restarts.length > 0 && now() - restarts[0] > restartPeriod) restarts.shift();
    if (restarts.length >= restartLimit) {
      tell(`the helper died ${restartLimit + 1} times within a minute (${how}) and is not started again`);
      await giveUp();
      return code ?? 1;
    }
    restarts.push(now());
    tell(`the helper died (${how}) and is started again, ${restarts.length} of ${restartLimit} times a minute`);
  }
}
