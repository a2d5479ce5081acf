/** The contents of a rule provider to a set in canonical form. Pure: bytes in, a set out. */
import type { SetBehavior } from '../../contract/sets.ts';
import type { SetFormat } from '../../profile/provider-contents.ts';
import { FormatError } from './format-error.ts';
import { isZstandard, readMrs } from './mrs.ts';
import { decodeList, textEntries, yamlEntries } from './payload-list.ts';
import { type CanonicalSet, SetWriter } from './set-writer.ts';

/** What is compressed is read as `mrs`, whatever the profile says. Throws `FormatError`. */
export function readSet(bytes: Buffer, format: SetFormat, behavior: SetBehavior): CanonicalSet {
  const writer = new SetWriter(behavior);
  if (format === 'mrs' || isZstandard(bytes)) {
    readMrs(bytes, behavior, writer);
    return writer.finish();
  }
  const text = decodeList(bytes);
  for (const entry of format === 'yaml' ? yamlEntries(text) : textEntries(text)) writer.add(entry);
  const set = writer.finish();
  if (set.entries === 0 && set.leftOut > 0)
    throw new FormatError('NOT_READABLE', `nothing in it is understood: ${set.example ?? ''}`);
  return set;
}

/** Entries that stand in the profile itself. Throws `FormatError`. */
export function inlineSet(entries: readonly string[], behavior: SetBehavior): CanonicalSet {
  const writer = new SetWriter(behavior);
  for (const entry of entries) writer.add(entry);
  return writer.finish();
}
