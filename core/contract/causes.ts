/**
 * What lies behind a standing warning, by its code: what is said of it in English, as part of the warning's sentence. `{x}` is
 * filled with the value `x`. Other languages have the same codes (`renderer/i18n/zh-cn-causes.ts`).
 */
import { z } from 'zod';
import { fillText } from './problem-texts.ts';

export const causeTexts = {
  DISK_FULL: 'the disk is full',
  DISK_READ_ONLY: 'the file system is read-only',
  DISK_BROKEN: 'the disk reports an error',
  FILE_MISSING: 'the file or its directory is not there',
  FILE_IS_DIRECTORY: 'a directory stands where the file should be',
  FILE_DAMAGED: 'the file is damaged',
  FILE_OTHER_VERSION: 'the file is of another version',
  FILE_IN_USE: 'another program holds the file',
  NO_PERMISSION: 'permission is denied',
  PORT_TAKEN: 'another program listens there',
  ADDRESS_MISSING: 'this machine does not have the address',
  PROGRAM_MISSING: 'the program {program} is not installed',
  ROUTES_REMOVED: '{count} of our rules and routes were removed',
  DEVICE_DELETED: 'the interface {device} was deleted',
  DEVICE_RENAMED: 'the interface {device} was renamed to {now}',
  DEVICE_DOWN: 'the interface {device} was taken down',
  DEVICE_ADDRESS: 'the interface {device} has lost its address {address}',
  /** None of these: what the system, or a program that was asked, said in its own words. */
  OTHER: '{message}',
} as const;
export type CauseCode = keyof typeof causeTexts;

export const causeSchema = z.strictObject({
  code: z.custom<CauseCode>((value) => typeof value === 'string' && Object.hasOwn(causeTexts, value)),
  values: z.record(z.string(), z.string()),
});
export type Cause = z.infer<typeof causeSchema>;

/** In English. */
export function causeText({ code, values }: Cause): string {
  return fillText(causeTexts[code], values);
}
