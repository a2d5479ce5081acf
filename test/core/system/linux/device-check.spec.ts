import { expect, test } from 'vitest';
import { causeText } from '../../../../core/contract/causes.ts';
import { deviceTrouble } from '../../../../core/system/linux/device-check.ts';
import { ScriptedCommandRunner } from '../scripted-command-runner.ts';

const device = { name: 'mirage0', index: 7, addresses: ['198.18.0.1', 'fdfe:dcba:9876::1'] };
const link = {
  ifindex: 7,
  ifname: 'mirage0',
  flags: ['POINTOPOINT', 'UP', 'LOWER_UP'],
  addr_info: [{ local: '198.18.0.1' }, { local: 'fdfe:dcba:9876::1' }],
};

test.each<[string, object[], string | undefined]>([
  ['as it was made', [link], undefined],
  ['down', [{ ...link, flags: ['POINTOPOINT', 'NOARP'] }], 'taken down'],
  ['under another name', [{ ...link, ifname: 'tun9' }], 'renamed to tun9'],
  ['without its address', [{ ...link, addr_info: [{ local: 'fdfe:dcba:9876::1' }] }], 'lost its address 198.18.0.1'],
  ['without addresses', [{ ...link, addr_info: undefined }], 'lost its address 198.18.0.1, fdfe:dcba:9876::1'],
  ['deleted', [{ ...link, ifindex: 1, ifname: 'lo' }], 'deleted'],
  ['gone, and another has its name', [{ ...link, ifindex: 8 }], 'deleted'],
  ['gone, the last one', [{}], 'deleted'],
])('a device %s', async (_what, links, expected) => {
  const runner = new ScriptedCommandRunner();
  runner.answers.set('ip -j address show', JSON.stringify(links));
  const trouble = await deviceTrouble(runner, device);
  if (expected === undefined) expect(trouble).toBeUndefined();
  else expect(causeText(trouble ?? { code: 'OTHER', values: {} })).toContain(expected);
});
