/** Whatever a bridge rejected with, as the contract's error: code, sentence, what was expected. */
import type { ErrorData } from '../../core/contract/error.ts';

/** A rejection that carries the contract's error: what the WebSocket bridge throws. */
export class BridgeError extends Error {
  override readonly name = 'BridgeError';
  readonly data: ErrorData;

  constructor(data: ErrorData) {
    super(`${data.code}: ${data.message}`);
    this.data = data;
  }
}

/** Reads the error out of a `BridgeError`, of plain `ErrorData`, or of an error that crossed Electron's context bridge. */
export function errorDataOf(caught: unknown): ErrorData {
  if (caught instanceof BridgeError) return caught.data;
  if (isErrorData(caught)) return caught;
  if (typeof caught === 'object' && caught !== null && 'data' in caught && isErrorData(caught.data)) return caught.data;
  return { code: 'INTERNAL', message: caught instanceof Error ? caught.message : String(caught) };
}

/** Codes are ours and upper case; Node's (`ENOENT`) and the DOM's (numbers) come without the underscore. */
function isErrorData(value: unknown): value is ErrorData {
  if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value)) return false;
  const known = typeof value.code === 'string' && (value.code === 'INTERNAL' || /^[A-Z]+_[A-Z_]+$/.test(value.code));
  return known && typeof value.message === 'string';
}
