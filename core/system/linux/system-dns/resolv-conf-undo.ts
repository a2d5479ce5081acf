/** Puts the resolver configuration back: decides purely, by comparison with what stands there now, then writes. */
import type { Ip } from '../../../base/address.ts';
import type { ResolvConfState, UndoRecordOf } from '../../undo-record.ts';
import type { ResolvConfFile } from './resolv-conf-file.ts';
import { contentOf, embeddedPrevious, isOurs, nameserversOf, withoutServers } from './resolv-conf-text.ts';

export type ResolvConfRecord = UndoRecordOf<'resolv-conf'>;

/**
 * What must stand there after the undo; undefined when nothing is to be written, because what stands there is somebody
 * else's. A foreign file that still names our server (some program copied it) loses only that line, unless it names no other
 * and so would leave the machine without any.
 */
export function restoredState(
  current: ResolvConfState,
  previous: ResolvConfState,
  ours: ResolvConfRecord['ours'],
): ResolvConfState | undefined {
  if (isOurs(contentOf(current))) return previous;
  // A link's content belongs to whoever owns its target.
  if (current.kind !== 'file') return undefined;
  // A write that died leaves an empty file, the beginning of ours, or the right one with blank lines behind it.
  if (current.content === '') return contentOf(previous) === '' ? undefined : previous;
  if (ours.content.startsWith(current.content)) return previous;
  if (previous.kind === 'file' && isPadded(current.content, previous.content)) return previous;
  const cleaned = withoutServers(current.content, ours.servers);
  if (cleaned === current.content) return undefined;
  const isOnlyOurs = nameserversOf(cleaned).length === 0 && nameserversOf(contentOf(previous)).length > 0;
  return isOnlyOurs ? previous : { ...current, content: cleaned };
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
  if (record !== undefined) {
    const ours = { ...record.ours, servers: [server, ...record.ours.servers] };
    return restoredState(current, record.previous, ours) ?? current;
  }
  const embedded = embeddedPrevious(current);
  if (embedded !== undefined || current.kind !== 'file') return embedded ?? current;
  return { ...current, content: withoutServers(current.content, [server]) };
}

/** Undoes what is still ours. Rejects with `SYSTEM_DNS_FAILED`. */
export async function undoResolvConf(file: ResolvConfFile, records: readonly ResolvConfRecord[]): Promise<void> {
  // Somebody has put something else there; it names no server of ours.
  if (await file.isForeignKind()) return await file.removeTemporary();
  for (const record of records.toReversed()) {
    const current = await file.read();
    const restored = restoredState(current, record.previous, record.ours);
    if (restored !== undefined) await giveBack(file, current, restored);
  }
  await file.removeTemporary();
}

async function giveBack(file: ResolvConfFile, current: ResolvConfState, restored: ResolvConfState): Promise<void> {
  try {
    await file.write(restored);
  } catch (error) {
    // Whoever has locked our file (chattr(1)) wanted no other program to change it, and not a server that is gone.
    if (!isOurs(contentOf(current)) || !(await file.unlock())) throw error;
    await file.write(restored);
  }
}

/** Without a journal: a file that we wrote carries what was there before. Returns whether it was one. */
export async function undoLeftoverResolvConf(file: ResolvConfFile): Promise<boolean> {
  if (await file.isForeignKind()) return false;
  const current = await file.read();
  const previous = embeddedPrevious(current);
  if (previous === undefined) return false;
  await giveBack(file, current, previous);
  await file.removeTemporary();
  return true;
}
