/** Waiting that can be given up. */
import { AppError } from '../base/app-error.ts';

/** Gives up waiting when aborted; what is waited for goes on, others may want it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const gaveUp = Promise.withResolvers<never>();
  const onAbort = (): void => gaveUp.reject(AppError.from(signal.reason, 'DNS_IO', 'given up'));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, gaveUp.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
