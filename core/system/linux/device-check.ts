/** Whether our TUN is still as it was made: other programs can take it down, rename it, or remove its addresses. */
import { z } from 'zod';
import type { Cause } from '../../contract/causes.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { OwnDevice } from '../own-device.ts';

const linksSchema = z.array(
  z.object({
    ifindex: z.number().optional(),
    ifname: z.string().optional(),
    flags: z.array(z.string()).optional(),
    addr_info: z.array(z.object({ local: z.string().optional() })).optional(),
  }),
);

/** What is wrong with it; undefined when nothing is. Rejects with `SYSTEM_COMMAND_FAILED`. */
export async function deviceTrouble(runner: CommandRunner, device: OwnDevice): Promise<Cause | undefined> {
  const { stdout } = await runner.run('ip', ['-j', 'address', 'show'], { timeoutMs: 5_000 });
  const link = linksSchema.parse(JSON.parse(stdout)).find(({ ifindex }) => ifindex === device.index);
  const { name } = device;
  if (link === undefined) return { code: 'DEVICE_DELETED', values: { device: name } };
  if (link.ifname !== name) return { code: 'DEVICE_RENAMED', values: { device: name, now: link.ifname ?? '?' } };
  if (link.flags?.includes('UP') !== true) return { code: 'DEVICE_DOWN', values: { device: name } };
  const there = new Set(link.addr_info?.map(({ local }) => local));
  const missing = device.addresses.filter((address) => !there.has(address));
  if (missing.length === 0) return undefined;
  return { code: 'DEVICE_ADDRESS', values: { device: name, address: missing.join(', ') } };
}
