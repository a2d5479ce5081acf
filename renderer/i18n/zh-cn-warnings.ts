/** The helper's standing warnings in simplified Chinese, by code: it speaks English itself. */

export interface WarningText {
  readonly title: string;
  readonly action?: string | undefined;
}

export const zhCnWarnings: Readonly<Record<string, WarningText>> = {
  FAKE_IP_UNKNOWN_ADDRESS: {
    title: '有程序在使用已失去含义的 Fake IP',
    action: '请清空系统（resolvectl flush-caches）或浏览器的 DNS 缓存，或重新启动该程序。',
  },
  FAKE_IP_PRESSURE: { title: 'Fake IP 被提前回收', action: '请在配置中扩大 fake-ip-range。' },
  FAKE_IP_SHARE: {
    title: '某个客户端占用了一半的 Fake IP',
    action: '请在 DNS 日志中查看是谁在编造域名，或扩大 fake-ip-range。',
  },
  FAKE_IP_EXHAUSTED: { title: 'Fake IP 已用尽', action: '请在配置中扩大 fake-ip-range。' },
  FAKE_IP_TABLE_LOST: {
    title: '映射表已丢失，或其末尾已丢失',
    action: '若某个程序无法联网，请重新启动它或清空其 DNS 缓存。',
  },
  DNS_FORGED_ANSWERS: {
    title: '有人在伪造 DNS 应答',
    action: '请使用加密的 nameserver（tls:// 或 https://），或通过代理询问（#名称）。',
  },
  DNS_SEARCH_PUBLIC: {
    title: '当前网络把公共域名列为自己的搜索域',
    action: '若其中有您公司的域名，请把它加入 nameserver-policy（system），或写一条把它直连（DIRECT）的规则。',
  },
  UDP_CROWDED: { title: '某个程序的 UDP 会话过多', action: '请在“连接”页中查找该程序（筛选：udp）。' },
  FAKE_IP_STORE: { title: '映射表无法写入', action: '请为状态目录腾出空间。' },
  MIXED_PORT_BUSY: { title: '混合端口无法打开', action: '请结束占用它的程序，或更改 mixed-port，然后重新加载配置。' },
  MIXED_PORT_OPEN: { title: '混合端口对网络开放且没有密码', action: '请监听 127.0.0.1，或设置用户名和密码。' },
  NETWORK_CHANGED_BY_OTHERS: {
    title: '另一个程序更改了 Mirage 所需的网络设置',
    action: '请找到该程序（VPN、防火墙脚本或网络管理器），使其不再更改路由表 5380 和 Mirage 的网络接口。',
  },
  CONTAINERS_WITHOUT_DNS: {
    title: '有容器仍在使用 Mirage 的 DNS',
    action: '请重新启动这些容器，或重新打开增强模式。',
  },
  ROUTES_CONTESTED: {
    title: '另一个程序坚持优先控制路由',
    action: '请结束另一个 VPN 或代理，或关闭它更改路由的功能，然后关闭并重新打开增强模式。',
  },
  RESTORE_INCOMPLETE: { title: '有更改未能撤销', action: '请处理日志中指出的问题，然后再次恢复。' },
  STATE_SET_ASIDE: { title: '保存的状态无法读取，已另存并重新开始', action: '若反复出现，请检查磁盘。' },
  STATE_NOT_SAVED: { title: '状态目录无法写入', action: '请为状态目录腾出空间。' },
  SYSTEM_DNS_CONTENDED: {
    title: '有其他程序不断更改系统 DNS',
    action: '请找到写入该文件的程序（DHCP 客户端或 VPN），并关闭其 DNS 设置。',
  },
  SYSTEM_DNS_BYPASSED: {
    title: '有程序直接询问 systemd-resolved',
    action: '请在 /etc/nsswitch.conf 的 hosts 行中把 “dns” 放在 “resolve” 之前。',
  },
  SYSTEM_DNS_MANAGED: { title: '另有程序也在管理 DNS' },
};
