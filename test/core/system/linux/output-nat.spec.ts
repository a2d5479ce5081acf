import { expect, test } from 'vitest';
import type { CommandRunner } from '../../../../core/system/command-runner.ts';
import { hasOutputNat } from '../../../../core/system/linux/output-nat.ts';

const chains = (hook: string) => `table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
}
table ip nat {
	chain OUT {
		type nat hook ${hook} priority dstnat; policy accept;
	}
}
`;

/** Of the machine: what nft(8) says (undefined: there is none; an error: it fails) and the tables of iptables-legacy. */
const found = (nft: string | Error | undefined, legacy: Record<string, string[]> = {}) =>
  hasOutputNat(
    {
      has: () => nft !== undefined,
      run: async () => {
        if (nft instanceof Error) throw nft;
        return { stdout: nft ?? '', stderr: '' };
      },
    } as unknown as CommandRunner,
    (path) => legacy[path] ?? [],
  );

test.each([
  ['a chain for what this machine sends', chains('output'), {}, true],
  ['chains for others only', chains('prerouting'), {}, false],
  ['none at all', '', {}, false],
  ['a table of iptables-legacy', '', { '/proc/net/ip_tables_names': ['filter', 'nat'] }, true],
  ['one of ip6tables-legacy', '', { '/proc/net/ip6_tables_names': ['nat'] }, true],
  ['tables without NAT', '', { '/proc/net/ip_tables_names': ['filter', 'mangle'] }, false],
  ['no nft to ask', undefined, {}, true],
  ['an nft that fails', new Error('Operation not permitted'), {}, true],
] as const)('%s', async (_what, nft, legacy, expected) => {
  expect(await found(nft, legacy as Record<string, string[]>)).toBe(expected);
});
