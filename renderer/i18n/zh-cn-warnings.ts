/** The standing warnings in simplified Chinese: the same codes as in the contract, filled with the same values. */
import type { WarningCode, warningTexts } from '../../core/contract/warning-texts.ts';

/** An action exactly where the contract has one. */
type Words<Code extends WarningCode> = {
  readonly [Part in Exclude<keyof (typeof warningTexts)[Code], 'severity'>]: string;
};

export const zhCnWarnings: { readonly [Code in WarningCode]: Words<Code> } = {
  FAKE_IP_UNKNOWN_ADDRESS: {
    title: '有程序在使用已失去含义的 Fake IP',
    text: '它连接了 {address}，而该地址不再对应任何域名。此类连接至今共 {count} 个，其中 {recovered} 个从首批数据中得知了域名，其余已立即拒绝。',
    action: '请清空系统（resolvectl flush-caches）或浏览器的 DNS 缓存，或重新启动该程序。',
  },
  FAKE_IP_PRESSURE: {
    title: 'Fake IP 被提前回收',
    text: '{range} 的 {capacity} 个地址都已对应域名；最久未使用的地址会分给新的域名。',
    action: '请在配置中扩大 fake-ip-range。',
  },
  FAKE_IP_EXHAUSTED: {
    title: 'Fake IP 已用尽',
    text: '{range} 的 {capacity} 个地址都在使用中，新的域名无法应答。',
    action: '请在配置中扩大 fake-ip-range。',
  },
  FAKE_IP_SHARE: {
    title: '某个客户端占用了一半的 Fake IP',
    text: '{client} 询问的域名已超过 {range} 一半的地址，这是单个客户端的上限：它最久未使用的地址会分给它的新域名。其他客户端不受影响。',
    action: '请在 DNS 日志中查看是谁在编造域名，或扩大 fake-ip-range。',
  },
  FAKE_IP_SHARE_SPENT: {
    title: '某个客户端已用完它的那一半 Fake IP',
    text: '{client} 询问的域名已超过 {range} 一半的地址，且这些地址都在使用中：它的新域名无法应答。其他客户端不受影响。',
    action: '请在 DNS 日志中查看是谁在编造域名，或扩大 fake-ip-range。',
  },
  FAKE_IP_STORE: {
    title: '映射表无法写入',
    text: '为避免一个地址对应两个域名，新的域名暂不应答。原因：{reason}',
    action: '请为状态目录腾出空间。',
  },
  FAKE_IP_TABLE_LOST: {
    title: '映射表已丢失，或其末尾已丢失',
    text: '程序可能仍持有之前的 Fake IP。一天之内，若某个地址有疑问，会从连接的首批数据中读取域名。',
    action: '若某个程序无法联网，请重新启动它或清空其 DNS 缓存。',
  },
  SETS_MISSING: {
    title: '缺少规则集',
    text: '在取得之前，使用它们的规则不会匹配（{count} 个）：{names}。',
    action: '应用运行时会自动下载。“mirage providers”会显示每个规则集的问题。',
  },
  DNS_FORGED_ANSWERS: {
    title: '有人在伪造 DNS 应答',
    text: '发给 {server} 的查询得到了两个不同的应答：途中有人抢在服务器之前应答。采用的是后到的应答。',
    action: '请使用加密的 nameserver（tls:// 或 https://），或通过代理询问（#名称）。',
  },
  DNS_SEARCH_PUBLIC: {
    title: '当前网络把公共域名列为自己的搜索域',
    text: '它的搜索域中有公共域名（至今 {count} 个）：{domains}。这些域名按您的规则处理，不会向该网络的服务器询问。',
    action: '若其中有您公司的域名，请把它加入 nameserver-policy（system），或写一条把它直连（DIRECT）的规则。',
  },
  GROUP_EMPTY: {
    title: '有策略组没有可用节点',
    text: '经由这些策略组的连接会被拒绝，绝不直连（共 {count} 个）：{groups}。',
    action: '请在“代理”页查看它们的节点：协议暂不支持、代理集合中没有节点，或筛选后没有剩下节点。',
  },
  UDP_CROWDED: {
    title: '某个程序的 UDP 会话过多',
    text: '会话表已满：最久且无人应答的会话先让位，其次是占用最多的用户的会话（至今 {count} 个）。其他用户不受影响。',
    action: '请在“连接”页中查找该程序（筛选：udp）。',
  },
  TCP_CROWDED: {
    title: '某个程序的连接过多',
    text: '连接表已满：其空闲最久的连接会为其他用户让位，或新的连接会被拒绝（至今 {count} 个）。其他用户不受影响。',
    action: '请在“连接”页中查找该程序（筛选：tcp）。',
  },
  ENGINE_REVIVED: {
    title: '数据面出错，已重新启动',
    text: '经过它的所有连接都已重置，期间没有流量绕过它。它给出的信息：{reason}',
    action: '这是程序缺陷，请附上后台服务的日志反馈。',
  },
  MIXED_PORT_BUSY: {
    title: '混合端口 {endpoint} 无法打开',
    text: '直接使用该端口的程序无法连接；增强模式不受影响。原因：{reason}',
    action: '请结束占用它的程序，或更改 mixed-port，然后重新加载配置。',
  },
  MIXED_PORT_OPEN: {
    title: '混合端口对网络开放且没有密码',
    text: '凡能访问 {endpoint} 的人，都能使用您的代理，并访问本机所能访问的一切。',
    action: '请监听 127.0.0.1，或设置用户名和密码。',
  },
  NETWORK_CHANGED_BY_OTHERS: {
    title: '另一个程序更改了 Mirage 所需的网络设置',
    text: '已恢复（{what}）。连接可能已被重置，片刻之间可能有流量绕过规则。',
    action: '请找到该程序（VPN、防火墙脚本或网络管理器），使其不再更改路由表 5380 和 Mirage 的网络接口。',
  },
  ROUTES_CONTESTED: {
    title: '另一个程序坚持优先控制路由',
    text: '它的策略路由规则（优先级 {preference}）排在 Mirage 之前：它取走的流量不经过 Mirage。',
    action: '请结束另一个 VPN 或代理，或关闭它更改路由的功能，然后关闭并重新打开增强模式。',
  },
  FAKE_RANGE_BLOCKED: {
    title: '本机防火墙使程序无法访问虚拟地址',
    text: '程序发往 {range} 的数据（{protocol}）到不了 Mirage，或者回应回不来。按域名建立的连接会失败。',
    action:
      '请查找丢弃 198.18.0.0/15 或“bogon”地址的规则（nft list ruleset、iptables -S），放行 Mirage 的网络接口；或者把 fake-ip-range 改为防火墙视为私有、而你的网络没有使用的网段，例如 10.198.0.0/16。',
  },
  DNS_REDIRECTED: {
    title: '本机防火墙把 DNS 查询引到了别处',
    text: '发往 {server} 的查询被交给了另一个程序，它用真实地址应答，因此按域名的规则不起作用。',
    action:
      '请在重定向 53 端口的规则中放行发往 {server} 的查询（nft list ruleset、iptables -t nat -S），或安装 nftables，Mirage 便可绕开该规则。',
  },
  STRICT_ROUTE_UNAVAILABLE: {
    title: 'strict-route 未生效',
    text: '把套接字绑定到网络接口或源地址的程序会绕过 Mirage。原因：{reason}',
    action: '请安装 nftables，并使用支持它的内核，然后关闭并重新打开增强模式。',
  },
  CONTAINERS_WITHOUT_DNS: {
    title: '有容器仍在使用 Mirage 的 DNS',
    text: '它们在增强模式打开时启动，现在无法解析域名：{names}。',
    action: '请重新启动这些容器，或重新打开增强模式。',
  },
  SYSTEM_DNS_BYPASSED: {
    title: '有程序直接询问 systemd-resolved',
    text: '/etc/nsswitch.conf 的 hosts 行中有 “resolve”，因此程序询问的是 systemd-resolved，而不是 /etc/resolv.conf 中的服务器。它们的连接可能只显示地址而不显示域名。',
    action: '请在 /etc/nsswitch.conf 的 hosts 行中把 “dns” 放在 “resolve” 之前。',
  },
  SYSTEM_DNS_MANAGED: {
    title: '{manager} 也在管理 DNS',
    text: '系统 DNS 打开期间，/etc/resolv.conf 中是 Mirage 的服务器；{manager} 在此期间写入的内容会保留，并在关闭后恢复。',
  },
  SYSTEM_DNS_CONTENDED: {
    title: '有其他程序不断更改系统 DNS',
    text: '{file} 被反复改写，Mirage 现在每 {seconds} 秒才恢复一次。经 TUN 发给其他服务器的查询仍会得到应答。',
    action: '请找到写入该文件的程序（DHCP 客户端或 VPN），并关闭其 DNS 设置。',
  },
  SYSTEM_DNS_LOST: {
    title: '有其他程序更改了系统 DNS',
    text: '{file} 被改写，且未能恢复。经 TUN 发给其他服务器的查询仍会得到应答。',
    action: '请找到写入该文件的程序（DHCP 客户端或 VPN），并关闭其 DNS 设置。',
  },
  RESTORE_INCOMPLETE: {
    title: '有更改未能撤销',
    text: '之前的后台服务对网络的更改仍然生效，原因见日志。',
    action: '请处理日志中指出的问题，然后再次恢复。',
  },
  STATE_SET_ASIDE: {
    title: '映射表无法读取',
    text: '它已移到 {path}，并新建了一份。原因：{reason}',
    action: '若反复出现，请检查磁盘。',
  },
  KEY_SET_ASIDE: {
    title: '映射表的密钥无法读取',
    text: '它不是 16 字节。它已移到 {path}，并新建了一份。',
    action: '若反复出现，请检查磁盘。',
  },
  CONFIG_SET_ASIDE: {
    title: '上次的配置无法读取',
    text: '其内容无法理解，已移到 {path}；在应用配置之前，所有流量都直连（DIRECT）。',
    action: '若反复出现，请检查磁盘。',
  },
  STATE_NOT_SAVED: {
    title: '状态目录无法写入',
    text: '当前的开关状态未能保存，后台服务重新启动后会沿用之前的状态。原因：{reason}',
    action: '请为状态目录腾出空间。',
  },
  CONFIG_NOT_SAVED: {
    title: '配置未能保存',
    text: '它已生效；但后台服务重新启动后，会沿用之前的配置，直到再次应用。原因：{reason}',
    action: '请为状态目录腾出空间。',
  },
};
