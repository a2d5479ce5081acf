/** What becomes of the keys of a profile, in simplified Chinese. */
import type { enProfileKeys } from './en-profile-keys.ts';
import type { Shape } from './messages.ts';

export const zhCnProfileKeys: Shape<typeof enProfileKeys> = {
  fates: {
    error: '错误',
    warning: '警告',
    later: '暂不支持',
    differently: '用法不同',
    ignored: '已忽略',
    supported: '支持',
  },
  inOverride: '在覆写中',
};
