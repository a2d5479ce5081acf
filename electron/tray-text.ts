/** The tray's words, in the languages of the window. */

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
};

/** By the locale of the system (BCP 47); English where we have no other. */
export function trayTextFor(locale: string): TrayText {
  return /^zh\b/i.test(locale) ? chinese : english;
}
