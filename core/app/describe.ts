/** What the log says of something that was caught. */
import { AppError } from '../base/app-error.ts';

export function describe(caught: unknown): { code: string; message: string } {
  const { code, message } = AppError.from(caught);
  return { code, message };
}
