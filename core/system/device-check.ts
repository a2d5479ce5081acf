/** Whether our TUN is still as it was made: other programs can take it down, rename it, or remove its addresses. */
import { z } from 'zod';
import type { CommandRunner } from './command-runner.ts';

export interface OwnDevice {
  readonly name: string;
  readonly index: number;
  readonly addresses: readonly string[];
}

const linksSchema = z.array(
  z.object({
    ifindex: z.number().optional(),
    ifname: z.string().optional(),
    flags: z.array(z.string()).optional(),
    addr_info: z.array(z.object({ local: z.string().optional() })).optional(),
  }),
);

/** What is wrong with it, for people; undefined when nothing is. Rejects with `SYSTEM_COMMAND_FAILED`. */
export async function deviceTrouble(runner: CommandRunner, device: OwnDevice): Promise<string | undefined> {
  const { stdout } = await runner.run('ip', ['-j', 'address', 'show'], { timeoutMs: 5_000 });
  const link = linksSchema.parse(JSON.parse(stdout)).find(({ ifindex }) => ifindex === device.index);
  if (link === undefined) return `the interface ${device.name} is gone`;
  if (link.ifname !== device.name) return `the interface ${device.name} was renamed to ${link.ifname}`;
  if (link.flags?.includes('UP') !== true) return `the interface ${device.name} was taken down`;
  const there = new Set(link.addr_info?.map(({ local }) => local));
  const missing = device.addresses.filter((address) => !there.has(address));
  return missing.length === 0 ? undefined : `the interface ${device.name} has lost its address ${missing.join(', ')}`;
}
