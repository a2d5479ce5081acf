/** What the Profiles page says, in simplified Chinese. */
import type { enProfiles } from './en-profiles.ts';
import type { Shape } from './messages.ts';

export const zhCnProfiles: Shape<typeof enProfiles> = {
  title: '配置',
  list: '配置列表',
  emptyTitle: '还没有配置',
  emptyText: '使用内置默认配置：所有连接直连（DIRECT）。',
  inUse: '使用中',
  use: '使用',
  useNamed: '使用配置 {{name}}',
  used: '已改用 {{name}}，已打开的连接保持不变。',
  useFailed: '未能更换配置',
  reload: '重新加载配置',
  reloaded: '配置已重新加载',
  reloadedWith_other: '配置已读取，有 {{count}} 个问题',
  applying: '正在应用配置…',
  applyingSets: '正在应用配置：已传送 {{sets}} / {{of}} 个规则集',
  cancelApply: '取消，保持当前生效的配置',
  reloadFailed: '未能重新加载配置',
  report: '使用中的配置',
  noProblems: '未发现问题。',
};
