/**
 * A value against a schema of the contract, in steps: what `safeParse` does at once, with the same outcome. Lists and
 * records are checked by pieces; everything else by its own schema.
 */
import { z } from 'zod';
import type { Steps } from '../base/steps.ts';

export type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

/** Elements that are checked between two steps. */
const piece = 128;
/** UTF-16 units of a description; what it quotes may come from outside. */
const maxDescription = 500;

type Schema = z.core.$ZodType;
type Path = readonly (string | number)[];

class Mismatch extends Error {}

/** Ends with the first problem, whose description has its place and no value. */
export function* checkInSteps(schema: Schema, value: unknown): Steps<Checked> {
  try {
    return { ok: true, value: yield* check(schema, value, []) };
  } catch (error) {
    if (error instanceof Mismatch) return { ok: false, problem: error.message };
    throw error;
  }
}

/** The first problems, with their places; never the values, which may be secret. */
export function describeIssues(error: z.core.$ZodError, at: Path = []): string {
  const issues = error.issues.slice(0, 5).map((issue) => {
    const place = [...at, ...issue.path].map((key) => cut(String(key), 100)).join('.');
    return `${place || 'value'}: ${cut(issue.message, 200)}`;
  });
  const more = error.issues.length - issues.length;
  return cut(issues.join('; ') + (more > 0 ? `; and ${more} more` : ''), maxDescription);
}

function* check(schema: Schema, value: unknown, path: Path): Steps<unknown> {
  if (schema instanceof z.ZodObject && isRecord(value)) return yield* checkObject(schema, value, path);
  if (schema instanceof z.ZodArray && Array.isArray(value)) return yield* checkArray(schema, value, path);
  if (schema instanceof z.ZodRecord && isRecord(value)) return yield* checkRecord(schema, value, path);
  const inner = innerOf(schema, value);
  return inner === undefined ? whole(schema, value, path) : yield* check(inner, value, path);
}

/** The objects of the contract are strict: a key that the schema does not have is a problem. */
function* checkObject(schema: z.ZodObject, value: Record<string, unknown>, path: Path): Steps<unknown> {
  const { shape } = schema;
  for (const key in value) {
    if (!Object.hasOwn(shape, key)) fail(path, `the unknown key "${cut(key, 100)}"`);
  }
  const checked: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(shape)) {
    const present = Object.hasOwn(value, key);
    const result = yield* check(field, value[key], [...path, key]);
    if (present || result !== undefined) checked[key] = result;
    yield;
  }
  return checked;
}

function* checkArray(schema: z.ZodArray, value: readonly unknown[], path: Path): Steps<unknown> {
  const element = schema.element;
  // How many there may be is told by the list's own schema, of a list as long as this one.
  const lengths = new z.ZodArray({ ...schema.def, element: z.unknown() });
  whole(lengths, value, path);
  const checked: unknown[] = [];
  const nested = mayHoldMany(element);
  for (let at = 0; at < value.length; at += nested ? 1 : piece) {
    if (nested) checked.push(yield* check(element, value[at], [...path, at]));
    else for (const each of wholePiece(element, value.slice(at, at + piece), path, at)) checked.push(each);
    yield;
  }
  return checked;
}

function* checkRecord(schema: z.ZodRecord, value: Record<string, unknown>, path: Path): Steps<unknown> {
  const checked: Record<string, unknown> = {};
  const keys = Object.keys(value);
  for (let at = 0; at < keys.length; at += piece) {
    const some = Object.fromEntries(keys.slice(at, at + piece).map((key) => [key, value[key]]));
    Object.assign(checked, whole(schema, some, path));
    yield;
  }
  return checked;
}

/** What stands behind `nullable`, `optional` and `default`, or the alternative that a value says it is. */
function innerOf(schema: Schema, value: unknown): Schema | undefined {
  if (schema instanceof z.ZodNullable) return value === null ? undefined : schema.unwrap();
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return value === undefined ? undefined : schema.unwrap();
  if (!(schema instanceof z.ZodDiscriminatedUnion) || !isRecord(value)) return undefined;
  const { discriminator } = schema.def;
  return schema.options.find((option) => {
    if (!(option instanceof z.ZodObject)) return false;
    const tag = option.shape[discriminator];
    return tag !== undefined && z.core.safeParse(tag, value[discriminator]).success;
  });
}

/** Whether values of this schema may hold lists or records, and be large by themselves. */
function mayHoldMany(schema: Schema): boolean {
  if (schema instanceof z.ZodArray || schema instanceof z.ZodRecord) return true;
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return mayHoldMany(schema.unwrap());
  if (schema instanceof z.ZodDiscriminatedUnion) return schema.options.some(mayHoldMany);
  return schema instanceof z.ZodObject && Object.values(schema.shape).some(mayHoldMany);
}

function wholePiece(element: Schema, values: readonly unknown[], path: Path, from: number): unknown[] {
  return values.map((value, i) => {
    const parsed = z.core.safeParse(element, value);
    return parsed.success ? parsed.data : fail([...path, from + i], describeIssues(parsed.error));
  });
}

function whole(schema: Schema, value: unknown, path: Path): unknown {
  const parsed = z.core.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  throw new Mismatch(describeIssues(parsed.error, path));
}

function fail(path: Path, what: string): never {
  const place = path.map((key) => cut(String(key), 100)).join('.');
  throw new Mismatch(cut(place === '' ? what : `${place}: ${what}`, maxDescription));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
