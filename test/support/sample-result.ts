/** The plainest result that a method of the contract may have, so that a double answers a method it says nothing about. */
import { z } from 'zod';
import type { AppMethodName, AppResult } from '../../core/contract/app.ts';
import { appMethods } from '../../core/contract/app.ts';
import { type MethodName, methods, type Result } from '../../core/contract/rpc.ts';
import type { Handlers } from '../../core/rpc/outstanding-requests.ts';

export function sampleResult<M extends MethodName>(method: M): Result<M> {
  return methods[method].result.parse(sampleOf(methods[method].result)) as Result<M>;
}

export function sampleAppResult<M extends AppMethodName>(method: M): AppResult<M> {
  return appMethods[method].result.parse(sampleOf(appMethods[method].result)) as AppResult<M>;
}

/** A handler for each method of the helper, made by `handlerOf`. */
export function handlersOf(handlerOf: (method: MethodName) => (params: unknown) => unknown): Handlers {
  const names = Object.keys(methods) as MethodName[];
  return Object.fromEntries(names.map((name) => [name, handlerOf(name)])) as unknown as Handlers;
}

/** Zero, empty, false, null, the first of several; what may be absent is. Throws for a kind of schema that no result has yet. */
function sampleOf(schema: z.core.$ZodType): unknown {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).filter(([, field]) => !(field instanceof z.ZodOptional));
    return Object.fromEntries(fields.map(([key, field]) => [key, sampleOf(field)]));
  }
  if (schema instanceof z.ZodArray) return [];
  if (schema instanceof z.ZodRecord) return {};
  if (schema instanceof z.ZodNullable) return null;
  if (schema instanceof z.ZodNumber) return 0;
  if (schema instanceof z.ZodString) return '';
  if (schema instanceof z.ZodBoolean) return false;
  if (schema instanceof z.ZodEnum) return schema.options[0];
  if (schema instanceof z.ZodLiteral) return schema.value;
  if (schema instanceof z.ZodUnion && schema.options[0] !== undefined) return sampleOf(schema.options[0]);
  throw new Error(`no sample of a ${schema._zod.def.type}`);
}
