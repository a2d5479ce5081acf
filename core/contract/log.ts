/** A log line as it travels to the inspector. */
import { z } from 'zod';

export const logLevels = ['debug', 'info', 'warning', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export const logRowSchema = z.strictObject({
  id: z.string(),
  time: z.number(),
  level: z.enum(logLevels),
  component: z.string(),
  message: z.string(),
});
export type LogRow = z.infer<typeof logRowSchema>;
