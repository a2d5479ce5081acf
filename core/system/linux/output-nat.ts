/** Whether anything on this machine may lead packets that it sends to somebody else. */
import { readFileSync } from 'node:fs';
import type { CommandRunner } from '../command-runner.ts';

const timeoutMs = 5_000;
/** The tables of iptables(8) in its older form (`iptables-legacy`), which nft(8) does not see. */
const legacyTables = ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'];

/** A chain of NAT for what this machine sends (nft(8), "type nat hook output"). True also where nobody can tell. */
export async function hasOutputNat(runner: CommandRunner, read = readTables): Promise<boolean> {
  if (legacyTables.some((path) => read(path).includes('nat'))) return true;
  if (!runner.has('nft')) return true;
  try {
    const { stdout } = await runner.run('nft', ['list', 'chains'], { timeoutMs });
    return /\btype nat hook output\b/.test(stdout);
  } catch {
    return true;
  }
}

function readTables(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
