/** `mirage status`, `enhanced`, `switch`, `restore`: the state of the helper and what changes it. */
import { unreachable } from '../base/unreachable.ts';
import type { NetworkChange, Snapshot, TunnelState } from '../contract/status.ts';
import { applyLoaded, assertUsable } from './apply-loaded.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { describeDnsMode } from './dns-mode-command.ts';
import type { Paint } from './paint.ts';
import { plainText } from './plain-text.ts';
import { describeMode } from './proxies-command.ts';
import { countOf, formatAge, formatCount } from './quantity.ts';

export async function showStatus(context: CommandContext, options: GlobalOptions): Promise<void> {
  const snapshot = await withHelper(context, options, (helper) => helper.call('getSnapshot', {}));
  printSnapshot(context, options, snapshot);
}

export interface EnhancedOptions extends GlobalOptions {
  config?: string;
}

/**
 * For good, not for a session: it stays on when this command has ended. The configuration is checked before anything is
 * sent; without a profile the helper keeps the one it was given last.
 */
export async function setEnhanced(context: CommandContext, on: boolean, options: EnhancedOptions): Promise<void> {
  const loaded = on ? await context.loadProfile(options.config) : undefined;
  const wanted = loaded === undefined || loaded.path === null ? undefined : loaded;
  if (wanted !== undefined) assertUsable(context, options.config ?? '', wanted, options.json);
  const snapshot = await withHelper(context, options, async (helper) => {
    if (wanted !== undefined) await applyLoaded(context, helper, wanted, options);
    return await helper.call('setEnhanced', on ? { on, mode: 'persistent' } : { on });
  });
  printSnapshot(context, options, snapshot);
}

export async function setSwitch(
  context: CommandContext,
  half: 'system-dns' | 'auto-route',
  on: boolean,
  options: GlobalOptions,
): Promise<void> {
  const params = half === 'system-dns' ? { systemDns: on } : { autoRoute: on };
  const snapshot = await withHelper(context, options, (helper) => helper.call('setSwitches', params));
  printSnapshot(context, options, snapshot);
}

function printSnapshot(context: CommandContext, options: GlobalOptions, snapshot: Snapshot): void {
  const { console } = context;
  if (options.json) return console.json(snapshot);
  const { paint } = console;
  const now = context.clock.now();
  const field = (title: string, text: string) => console.line(`${paint('dim', title.padEnd(15))}${text}`);
  field('Enhanced Mode', describeTunnel(snapshot.tunnel, now, paint));
  if (snapshot.tunnel.kind === 'error') console.line(`${' '.repeat(15)}${plainText(snapshot.tunnel.error.message)}`);
  if (snapshot.owner !== null) field('Owner', describeOwner(context, snapshot.owner));
  field('System DNS', snapshot.systemDns ? 'captured while on' : paint('yellow', 'left alone'));
  field('Auto route', snapshot.autoRoute ? 'captured while on' : paint('yellow', 'left alone'));
  field('Mixed port', snapshot.mixed === null ? 'none' : `${snapshot.mixed.address}:${snapshot.mixed.port}`);
  field('Mode', describeMode(snapshot.mode));
  field('DNS mode', describeDnsMode(snapshot.dnsMode));
  const { range, range6, used, capacity, unknown, recovered } = snapshot.fakeIp;
  const ranges = range6 === null ? range : `${range} and ${range6}`;
  field('Fake IP', `${ranges}, ${formatCount(used)} of ${formatCount(capacity)} in use`);
  if (unknown > 0) field('Names lost', paint('yellow', describeLost(unknown, recovered)));
  const { proxies, rules, hash } = snapshot.config;
  field('Configuration', `${countOf(proxies, 'proxy', 'proxies')}, ${countOf(rules, 'rule')}, ${hash.slice(0, 12)}`);
  field('Helper', snapshot.version);
  if (snapshot.changes.length > 0) {
    console.line();
    console.line(paint('bold', 'Network changes in force'));
    printChanges(context, snapshot.changes);
  }
  for (const warning of snapshot.warnings) {
    console.line();
    console.line(
      `${paint(warning.severity === 'error' ? 'red' : 'yellow', plainText(warning.title))}  ${paint('dim', plainText(warning.code))}`,
    );
    console.line(`  ${plainText(warning.text)}`);
    if (warning.action !== undefined) console.line(`  ${paint('dim', 'what to do:')} ${plainText(warning.action)}`);
  }
}

function describeLost(unknown: number, recovered: number): string {
  return `${countOf(unknown, 'connection')}, ${formatCount(recovered)} of them found by their first bytes`;
}

export function printChanges(context: CommandContext, changes: readonly NetworkChange[]): void {
  const now = context.clock.now();
  context.console.table(
    [
      { title: 'SINCE', value: (change) => formatAge(now - change.since), align: 'right' },
      { title: 'WHAT', value: (change) => change.what, shrinkTo: 20, narrow: 'wrap' },
      { title: 'WHERE', value: (change) => change.where, shrinkTo: 20, narrow: 'wrap' },
    ],
    changes,
  );
}

function describeTunnel(tunnel: TunnelState, now: number, paint: Paint): string {
  switch (tunnel.kind) {
    case 'stopped':
      return 'off';
    case 'starting':
      return paint('yellow', `starting: ${plainText(tunnel.step)}`);
    case 'running':
      return `${paint('green', 'on')} for ${formatAge(now - tunnel.since)}, device ${plainText(tunnel.device)}`;
    case 'stopping':
      return paint('yellow', `stopping: ${plainText(tunnel.step)}`);
    case 'error':
      return paint('red', `failed (${tunnel.error.code})`);
    default:
      return unreachable(tunnel);
  }
}

function describeOwner(context: CommandContext, owner: NonNullable<Snapshot['owner']>): string {
  const name = context.userName(owner.uid) ?? `uid ${owner.uid}`;
  const who = owner.uid === context.uid ? `you (${name})` : name;
  return `${who}, ${owner.mode === 'persistent' ? 'until turned off' : 'while the app runs'}`;
}
