/** Reads addresses and main-table routes with iproute2's JSON (`ip -j`). */
import { z } from 'zod';
import { parseIp } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { MachineAddress, MachineRoute, NetworkSnapshot } from '../route-table.ts';

const nexthopSchema = z.object({ gateway: z.string().optional(), dev: z.string().optional() });
const routeSchema = nexthopSchema.extend({
  type: z.string().optional(),
  dst: z.string(),
  metric: z.number().optional(),
  flags: z.array(z.string()).optional(),
  nexthops: z.array(nexthopSchema).optional(),
  via: z.object({ host: z.string() }).optional(),
});
const linkSchema = z.object({
  ifname: z.string().optional(),
  addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.number().optional() })).optional(),
});

/** Rejects with `SYSTEM_COMMAND_FAILED` when `ip` fails or answers what is not understood. */
export async function readNetworkSnapshot(runner: CommandRunner): Promise<NetworkSnapshot> {
  const ip = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await runner.run('ip', ['-j', ...args], { timeoutMs: 5_000 });
    return parseJson(stdout);
  };
  const [addresses, routes4, routes6] = await Promise.all([
    ip('address', 'show'),
    ip('-4', 'route', 'show', 'table', 'main'),
    // Without an IPv6 stack there is no such table.
    ip('-6', 'route', 'show', 'table', 'main').catch(() => []),
  ]);
  return { addresses: parseAddresses(addresses), routes: [...parseRoutes(routes4, 4), ...parseRoutes(routes6, 6)] };
}

/** `ip -j address show`. */
export function parseAddresses(json: unknown): MachineAddress[] {
  return understand(z.array(linkSchema), json).flatMap((link) =>
    (link.addr_info ?? []).flatMap((info) => {
      const address = parseIp(info.local ?? '');
      if (address === undefined || link.ifname === undefined) return [];
      return [{ device: link.ifname, address, prefix: info.prefixlen ?? (address.includes(':') ? 128 : 32) }];
    }),
  );
}

/** `ip -j route show table main`; dead routes are left out, of several next hops the first usable counts. */
export function parseRoutes(json: unknown, family: 4 | 6): MachineRoute[] {
  return understand(z.array(routeSchema), json).flatMap((route) => {
    if (route.flags?.includes('dead')) return [];
    const unusable = route.type !== undefined && ['unreachable', 'blackhole', 'prohibit'].includes(route.type);
    const hop = route.nexthops?.find((candidate) => candidate.dev !== undefined) ?? route;
    const device = unusable ? null : hop.dev;
    // `throw` and next hops of a kind we do not know decide nothing.
    if (device === undefined) return [];
    const prefix = prefixOf(route.dst, family);
    const gateway = parseIp(hop.gateway ?? route.via?.host ?? '') ?? null;
    return [{ family, prefix, device, gateway, metric: route.metric ?? 0 }];
  });
}

function prefixOf(destination: string, family: 4 | 6): string {
  if (destination === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  if (destination.includes('/')) return destination;
  return `${destination}/${family === 4 ? 32 : 128}`;
}

function understand<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new AppError('SYSTEM_COMMAND_FAILED', 'the answer of "ip -j" is not understood', { cause: parsed.error });
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return [];
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('SYSTEM_COMMAND_FAILED', 'the answer of "ip -j" is no JSON', { cause: error });
  }
}
