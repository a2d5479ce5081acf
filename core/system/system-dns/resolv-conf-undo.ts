/** Puts the resolver configuration back: decides purely, by comparison with what stands there now, then writes. */
import type { Ip } from '../../base/address.ts';
import type { ResolvConfState, UndoRecordOf } from '../undo-record.ts';
import type { ResolvConfFile } from './resolv-conf-file.ts';
import { contentOf, embeddedPrevious, isOurs, nameserversOf, withoutServers } from './resolv-conf-text.ts';

export type ResolvConfRecord = UndoRecordOf<'resolv-conf'>;

/**
 * What must stand there after the undo; undefined when nothing is to be written, because what stands there is somebody
 * else's. A foreign file that still names our server (some program copied it) loses only that line.
 */
export function restoredState(
  current: ResolvConfState,
  previous: ResolvConfState,
  servers: readonly Ip[],
): ResolvConfState | undefined {
  // A link's content belongs to whoever owns its target.
  if (current.kind !== 'file') return undefined;
  // An in-place write that died leaves an empty file, or the right one with blank lines behind it.
  if (isOurs(current.content) || (current.content === '' && contentOf(previous) !== '')) return previous;
  if (previous.kind === 'file' && isPadded(current.content, previous.content)) return previous;
  const cleaned = withoutServers(current.content, servers);
  return cleaned === current.content ? undefined : { ...current, content: cleaned };
}

function isPadded(content: string, wanted: string): boolean {
  return content.length > wanted.length && content.startsWith(wanted) && /^\n*$/.test(content.slice(wanted.length));
}

/** What stood there before us, seen from a state that may be ours already: our own address is never a "before". */
export function stateBefore(
  current: ResolvConfState,
  record: ResolvConfRecord | undefined,
  server: Ip,
): ResolvConfState {
  if (current.kind !== 'file') return current;
  if (isOurs(current.content)) return record?.previous ?? embeddedPrevious(current) ?? current;
  if (current.content === '' && record !== undefined) return record.previous;
  return { ...current, content: withoutServers(current.content, [server, ...(record?.ours.servers ?? [])]) };
}

/** Undoes what is still ours. Rejects with `SYSTEM_DNS_FAILED`. */
export async function undoResolvConf(file: ResolvConfFile, records: readonly ResolvConfRecord[]): Promise<void> {
  // Somebody has put something else there; it names no server of ours.
  if (await file.isForeignKind()) return await file.removeTemporary();
  for (const record of records.toReversed()) {
    const restored = restoredState(await file.read(), record.previous, record.ours.servers);
    if (restored !== undefined) await file.write(restored);
  }
  await file.removeTemporary();
}

/** Without a journal: a file that we wrote carries what was there before. Answers whether it was one. */
export async function undoLeftoverResolvConf(file: ResolvConfFile): Promise<boolean> {
  if (await file.isForeignKind()) return false;
  const current = await file.read();
  const previous = embeddedPrevious(current);
  if (previous === undefined) return false;
  await file.write(restoredState(current, previous, nameserversOf(contentOf(current))) ?? previous);
  await file.removeTemporary();
  return true;
}
