/** What lies behind a standing warning, in simplified Chinese: the codes of `core/contract/causes.ts`. */
import type { CauseCode } from '../../core/contract/causes.ts';

export const zhCnCauses: Readonly<Record<CauseCode, string>> = {
  DISK_FULL: '磁盘已满',
  DISK_READ_ONLY: '文件系统为只读',
  DISK_BROKEN: '磁盘读写出错',
  FILE_MISSING: '文件或其目录不存在',
  FILE_IS_DIRECTORY: '该位置是一个目录，而不是文件',
  FILE_DAMAGED: '文件已损坏',
  FILE_OTHER_VERSION: '文件属于另一版本',
  FILE_IN_USE: '文件正被其他程序占用',
  NO_PERMISSION: '没有权限',
  PORT_TAKEN: '端口已被其他程序占用',
  ADDRESS_MISSING: '本机没有该地址',
  PROGRAM_MISSING: '未安装程序 {program}',
  ROUTES_REMOVED: '{count} 条规则和路由被删除',
  DEVICE_DELETED: '网络接口 {device} 被删除',
  DEVICE_RENAMED: '网络接口 {device} 被改名为 {now}',
  DEVICE_DOWN: '网络接口 {device} 被停用',
  DEVICE_ADDRESS: '网络接口 {device} 失去了地址 {address}',
  OTHER: '{message}',
};
