/** The tray's words, in the languages of the window. */

import type { PolicyMode } from '../core/contract/config.ts';
import type { ProxyState } from '../core/contract/proxy-views.ts';

export interface TrayText {
  enhanced: string;
  open: string;
  restore: string;
  quit: string;
  off: string;
  on: string;
  starting: string;
  stopping: string;
  connecting: string;
  /** Before a sentence that says why. */
  failed: string;
  unreachable: string;
  slow: string;
  inUse: string;
  restoring: string;
  notApplied: string;
  mode: string;
  modes: Record<PolicyMode, string>;
  profiles: string;
  /** Instead of a delay. */
  proxyStates: Record<Exclude<ProxyState, 'alive' | 'untested'>, string>;
  /** How many more there are in the window. */
  more: (count: number) => string;
  /** The question before the network is restored. */
  restoreTitle: string;
  restoreText: string;
  restoreConfirm: string;
  cancel: string;
  /** Before a command that gives the network back without the helper. */
  wayOut: string;
  copyWayOut: string;
  /** The question when the window is closed where no tray keeps the app within reach. */
  closeTitle: string;
  closeText: string;
  closeQuit: string;
  closeKeep: string;
  /** The question before what is not saved is lost. */
  unsavedTitle: string;
  unsavedText: string;
  unsavedQuit: string;
  /** The dialog in which a profile is chosen. */
  chooseProfile: string;
  profileFiles: string;
  allFiles: string;
}

const english: TrayText = {
  enhanced: 'Enhanced Mode',
  open: 'Open Mirage',
  restore: 'Restore network',
  quit: 'Quit',
  off: 'Enhanced Mode is off',
  on: 'Enhanced Mode is on',
  starting: 'Turning on…',
  stopping: 'Turning off…',
  connecting: 'Connecting to the helper…',
  failed: 'Failed',
  unreachable: 'Helper not reached',
  slow: 'the helper did not answer in time',
  inUse: 'In use by another user',
  restoring: 'Restoring the network…',
  notApplied: 'profile not applied',
  mode: 'Mode',
  modes: { rule: 'Rule', global: 'Global', direct: 'Direct' },
  profiles: 'Profiles',
  proxyStates: { dead: 'no answer', failed: 'failed', unspoken: 'not yet', empty: 'empty', refused: 'refuses' },
  more: (count) => `${count} more in the window…`,
  restoreTitle: 'Restore the network?',
  restoreText: 'Enhanced Mode goes off and every change of the network is undone. Open connections through Mirage end.',
  restoreConfirm: 'Restore network',
  cancel: 'Cancel',
  wayOut: 'The helper cannot be reached. This command gives the network back without it:',
  copyWayOut: 'Copy command',
  closeTitle: 'Quit Mirage and turn Enhanced Mode off?',
  closeText:
    'This desktop has no tray where Mirage could stay. When the window closes, Mirage ends and the network is as it was before. Minimised, it goes on.',
  closeQuit: 'Quit',
  closeKeep: 'Minimise',
  unsavedTitle: 'Quit without saving?',
  unsavedText: 'The editor has text that is not saved. It is lost when Mirage quits.',
  unsavedQuit: 'Quit without saving',
  chooseProfile: 'Choose a profile',
  profileFiles: 'Profiles, links and pictures of QR codes',
  allFiles: 'All files',
};

const chinese: TrayText = {
  enhanced: '增强模式',
  open: '打开 Mirage',
  restore: '恢复网络',
  quit: '退出',
  off: '增强模式已关闭',
  on: '增强模式已开启',
  starting: '正在开启…',
  stopping: '正在关闭…',
  connecting: '正在连接服务…',
  failed: '失败',
  unreachable: '无法连接服务',
  slow: '服务未及时响应',
  inUse: '正被其他用户使用',
  restoring: '正在恢复网络…',
  notApplied: '配置文件未生效',
  mode: '代理模式',
  modes: { rule: '规则', global: '全局', direct: '直连' },
  profiles: '配置',
  proxyStates: { dead: '超时', failed: '失败', unspoken: '暂不支持', empty: '无节点', refused: '拒绝' },
  more: (count) => `在窗口中查看其余 ${count} 个…`,
  restoreTitle: '恢复网络？',
  restoreText: '将关闭增强模式并撤销对网络的全部更改。经过 Mirage 的连接会断开。',
  restoreConfirm: '恢复网络',
  cancel: '取消',
  wayOut: '无法连接后台服务。可用以下命令在没有后台服务时恢复网络：',
  copyWayOut: '复制命令',
  closeTitle: '退出 Mirage 并关闭增强模式？',
  closeText: '此桌面没有可供 Mirage 驻留的托盘。关闭窗口后 Mirage 会退出，网络恢复原状；最小化则继续运行。',
  closeQuit: '退出',
  closeKeep: '最小化',
  unsavedTitle: '不保存就退出？',
  unsavedText: '编辑器中有尚未保存的内容，退出 Mirage 后将丢失。',
  unsavedQuit: '不保存并退出',
  chooseProfile: '选择配置文件',
  profileFiles: '配置文件、链接和二维码图片',
  allFiles: '所有文件',
};

/** By the locale of the system (BCP 47); English where we have no other. */
export function trayTextFor(locale: string): TrayText {
  return /^zh\b/i.test(locale) ? chinese : english;
}
