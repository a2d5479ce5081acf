/** The one error type that carries a stable code; everything else that is thrown is a defect (`INTERNAL`). */
import type { ConfigProblem, ErrorCode, ErrorData } from '../contract/error.ts';

export interface AppErrorOptions {
  cause?: unknown;
  /** What was expected, or what to do about it. */
  expected?: string;
  details?: Record<string, string | number | boolean>;
  problems?: ConfigProblem[];
}

/** UTF-16 units of a text, and problems, that cross a process border: what they quote may come from outside. */
const maxText = 2_000;
const maxProblems = 1_000;

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly expected: string | undefined;
  readonly details: Record<string, string | number | boolean> | undefined;
  readonly problems: ConfigProblem[] | undefined;

  /**
   * Only a defect has a stack: what is expected to fail is known by its code, may fail thousands of times a second, and where it is
   * remembered its stack would keep alive whatever was on the way.
   */
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    const { stackTraceLimit } = Error;
    if (code !== 'INTERNAL') Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.expected = options.expected;
    this.details = options.details;
    this.problems = options.problems;
  }

  /** The form that crosses process borders; causes and stacks stay behind, and long texts are cut. */
  toData(): ErrorData {
    return {
      code: this.code,
      message: cut(this.message),
      ...(this.expected === undefined ? {} : { expected: cut(this.expected) }),
      ...(this.details === undefined ? {} : { details: this.details }),
      ...(this.problems === undefined ? {} : { problems: this.problems.slice(0, maxProblems) }),
    };
  }

  static fromData(data: ErrorData): AppError {
    const options: AppErrorOptions = {};
    if (data.expected !== undefined) options.expected = data.expected;
    if (data.details !== undefined) options.details = data.details;
    if (data.problems !== undefined) options.problems = data.problems;
    return new AppError(data.code, data.message, options);
  }

  /** Wraps whatever was caught; an `AppError` passes as it is. */
  static from(caught: unknown, code: ErrorCode = 'INTERNAL', context?: string): AppError {
    if (caught instanceof AppError) return caught;
    const message = caught instanceof Error ? caught.message : String(caught);
    return new AppError(code, context === undefined ? message : `${context}: ${message}`, { cause: caught });
  }
}

function cut(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText)}…`;
}

/** The `code` of a Node or native error (`ENOENT`, `ECONNREFUSED`, ...), or undefined. */
export function errnoOf(caught: unknown): string | undefined {
  if (typeof caught !== 'object' || caught === null || !('code' in caught)) return undefined;
  return typeof caught.code === 'string' ? caught.code : undefined;
}

/** Where a defect was, for the log; what was thrown may be anything. */
export function stackOf(caught: unknown): string {
  return caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
}
