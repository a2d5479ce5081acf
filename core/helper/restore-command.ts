/**
 * `mirage-helper --restore`: the machine's network as it was before Mirage, with or without a living helper. Needs the
 * journal and nothing else.
 */
import { AppError } from '../base/app-error.ts';
import type { NetworkChange } from '../contract/status.ts';

export interface RestoreCommandServices {
  /** Takes the lock of the state directory; undefined while a helper holds it. The result gives it back. */
  readonly lock: () => (() => void) | undefined;
  /** Asks the living helper to turn everything off and undo it. */
  readonly askHelper: () => Promise<NetworkChange[]>;
  /** Ends the helper that does not answer. Whether none is there any more. */
  readonly endHelper: () => Promise<boolean>;
  /** Keeps the next helper from going on where the last one was: what is restored stays so until somebody turns it on. */
  readonly forgetOwner: () => void;
  /** Undoes what the journal says, from here. */
  readonly restoreHere: () => Promise<NetworkChange[]>;
  readonly print: (line: string) => void;
}

/** Says what was undone. Answers the exit code: 0 when nothing of ours is left, else 1. */
export async function restoreCommand(services: RestoreCommandServices): Promise<0 | 1> {
  const { lock, print } = services;
  try {
    const undone = await restore(services, lock());
    for (const change of undone) print(`undone: ${change.what}  ${change.where}`);
    print(
      undone.length === 0
        ? 'nothing to undo: the network is as it was'
        : `the network is as it was before; ${undone.length} changes undone`,
    );
    return 0;
  } catch (caught) {
    const { message, expected } = AppError.from(caught);
    print(`not everything could be undone: ${message}${expected === undefined ? '' : ` (${expected})`}`);
    return 1;
  }
}

/** First of all: a helper that is started again meanwhile, by whoever watches over it, must not resume either. */
function forgetOwner({ forgetOwner, print }: RestoreCommandServices): void {
  try {
    forgetOwner();
  } catch (caught) {
    print(
      `Enhanced Mode may come back with the next helper, for its state cannot be written: ${AppError.from(caught).message}`,
    );
  }
}

async function restore(services: RestoreCommandServices, unlock: (() => void) | undefined): Promise<NetworkChange[]> {
  if (unlock !== undefined) {
    try {
      forgetOwner(services);
      return await services.restoreHere();
    } finally {
      unlock();
    }
  }
  try {
    return await services.askHelper();
  } catch (caught) {
    // It must not go on beside what is restored: one that was only stopped would change the network again when it wakes.
    services.print(`the running helper does not do it (${AppError.from(caught).message}); it is ended`);
    forgetOwner(services);
    if (!(await services.endHelper())) services.print('the running helper cannot be ended; undoing beside it');
    return await services.restoreHere();
  }
}
