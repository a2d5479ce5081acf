/**
 * Every standing trouble that health can show, by its code: how bad it is, and what is said of it in English. `{x}` is filled
 * with the value `x`. Other languages have the same codes with the same places (`renderer/i18n`).
 */
import { type Cause, causeText } from './causes.ts';
import { fillText } from './problem-texts.ts';

export const severities = ['notice', 'warning', 'error'] as const;

interface Words {
  severity: (typeof severities)[number];
  title: string;
  /** The case at hand. */
  text: string;
  /** What to do about it. */
  action?: string;
}

export const warningTexts = {
  FAKE_IP_UNKNOWN_ADDRESS: {
    severity: 'warning',
    title: 'A program uses an address that means nothing any more',
    text: 'It connected to {address}, which no name has. Such connections so far: {count}; {recovered} of them told their name in their first bytes, the others were refused at once.',
    action: 'Flush the DNS cache of the system (resolvectl flush-caches) or browser, or restart the program.',
  },
  FAKE_IP_PRESSURE: {
    severity: 'warning',
    title: 'Fake addresses are reused early',
    text: 'All {capacity} addresses of {range} have a name; the least recently used are given to new names.',
    action: 'Choose a larger fake-ip-range.',
  },
  FAKE_IP_EXHAUSTED: {
    severity: 'error',
    title: 'No fake address left',
    text: 'All {capacity} addresses of {range} are in use; new names cannot be answered.',
    action: 'Choose a larger fake-ip-range.',
  },
  FAKE_IP_SHARE: {
    severity: 'warning',
    title: 'One client has half of the fake addresses',
    text: '{client} has asked for more names than half of {range} has addresses for, which is as much as one may have: the least recently used of them are given to its new names. Others are not affected.',
    action: 'See in the DNS log who makes up names, or choose a larger fake-ip-range.',
  },
  FAKE_IP_SHARE_SPENT: {
    severity: 'warning',
    title: 'One client has used up its half of the fake addresses',
    text: '{client} has asked for more names than half of {range} has addresses for, and all of these are in use: its new names cannot be answered. Others are not affected.',
    action: 'See in the DNS log who makes up names, or choose a larger fake-ip-range.',
  },
  FAKE_IP_STORE: {
    severity: 'error',
    title: 'The mapping table cannot be written',
    text: 'New names are not answered, so that no address comes to mean two names. The reason: {reason}.',
    action: 'Free space in the state directory.',
  },
  FAKE_IP_TABLE_LOST: {
    severity: 'notice',
    title: 'The mapping table was lost, or its end',
    text: 'Programs may hold fake addresses from before. For a day the first bytes of their connections tell the name where the address is in doubt.',
    action: 'If a program has no connection, restart it or flush its DNS cache.',
  },
  SETS_MISSING: {
    severity: 'warning',
    title: 'Rule sets are missing',
    text: 'Rules that name them do not match until they are there ({count}): {names}.',
    action: 'They are downloaded while the app runs. "mirage providers" tells what keeps each of them away.',
  },
  DNS_FORGED_ANSWERS: {
    severity: 'warning',
    title: 'Somebody forges DNS answers',
    text: 'Questions to {server} are answered twice and differently: somebody on the way answers sooner than the server. The later answers are taken.',
    action: 'Use an encrypted nameserver (tls:// or https://), or ask this one through a proxy (#NAME).',
  },
  DNS_SEARCH_PUBLIC: {
    severity: 'warning',
    title: 'This network claims public domains as its own',
    text: 'Its search list names public domains ({count} so far): {domains}. Names in them go by your rules, and its servers are not asked about them.',
    action:
      'If one is the domain of your company, add it to nameserver-policy (system), or write a rule that sends it DIRECT.',
  },
  GROUP_EMPTY: {
    severity: 'warning',
    title: 'A policy group has nothing to offer',
    text: 'What goes to these groups is refused, never sent DIRECT ({count}): {groups}.',
    action:
      'Look at their nodes under Proxies: their protocols are not supported yet, their provider has none, or a filter leaves none.',
  },
  UDP_CROWDED: {
    severity: 'warning',
    title: 'A program has very many UDP conversations',
    text: 'The table is full: the oldest that nobody has answered, and then conversations of whoever has most, make room for new ones ({count} so far). Other users are not affected.',
    action: 'Look for the program under Connections (filter: udp).',
  },
  TCP_CROWDED: {
    severity: 'warning',
    title: 'A program has very many connections',
    text: 'The table is full: its longest idle ones end to make room for other users, or new ones are refused ({count} so far). Other users are not affected.',
    action: 'Look for the program under Connections (filter: tcp).',
  },
  ENGINE_REVIVED: {
    severity: 'warning',
    title: 'The data plane failed and was started again',
    text: 'All connections through it were reset; nothing went around it meanwhile. What it said: {reason}',
    action: 'Please report this with the log of the helper: it is a defect.',
  },
  MIXED_PORT_BUSY: {
    severity: 'warning',
    title: 'The mixed port {endpoint} cannot be opened',
    text: 'Programs that use it explicitly cannot connect; Enhanced Mode works without it. The reason: {reason}.',
    action: 'End the other program, or choose another mixed-port, then reload the profile.',
  },
  MIXED_PORT_OPEN: {
    severity: 'warning',
    title: 'The mixed port is open to the network without a password',
    text: 'Whoever reaches {endpoint} can use your proxies and reach what this machine reaches.',
    action: 'Listen on 127.0.0.1, or give users and passwords.',
  },
  NETWORK_CHANGED_BY_OTHERS: {
    severity: 'warning',
    title: 'Another program changed what Mirage needs',
    text: 'It was put back: {what}. Connections may have been reset; for a moment some may have gone around the rules.',
    action:
      'Find the program (a VPN, a firewall script, a network manager) and keep it from table 5380 and our interface.',
  },
  ROUTES_CONTESTED: {
    severity: 'error',
    title: 'Another program insists on routing first',
    text: 'Its policy rule (preference {preference}) comes before ours: what it takes does not pass Mirage.',
    action:
      'End the other VPN or proxy, or turn off the part of it that changes routes; then turn Enhanced Mode off and on.',
  },
  FAKE_RANGE_BLOCKED: {
    severity: 'error',
    title: 'A firewall on this machine keeps programs from fake addresses',
    text: 'What a program sends to {range} ({protocol}) does not come to Mirage, or the answer does not come back. Connections by name fail.',
    action:
      'Look for a rule that drops 198.18.0.0/15 or "bogons" (nft list ruleset, iptables -S) and let the interface of Mirage pass, or choose a fake-ip-range that the firewall knows as private and your network does not use, such as 10.198.0.0/16.',
  },
  DNS_REDIRECTED: {
    severity: 'error',
    title: 'A firewall on this machine takes DNS questions away from Mirage',
    text: 'Questions to {server} are led to another program. It answers with real addresses, so rules by name do not hold.',
    action:
      'Let questions to {server} pass in the rule that redirects port 53 (nft list ruleset, iptables -t nat -S), or install nftables, with which Mirage passes by it.',
  },
  STRICT_ROUTE_UNAVAILABLE: {
    severity: 'error',
    title: 'strict-route is not in force',
    text: 'Programs that bind a socket to an interface or a source address go around Mirage. The reason: {reason}.',
    action: 'Install nftables and a kernel that has it, then turn Enhanced Mode off and on.',
  },
  CONTAINERS_WITHOUT_DNS: {
    severity: 'warning',
    title: 'Containers still use the DNS server of Mirage',
    text: 'They were started while Enhanced Mode was on, and resolve no names now: {names}.',
    action: 'Restart them, or turn Enhanced Mode on again.',
  },
  SYSTEM_DNS_BYPASSED: {
    severity: 'warning',
    title: 'Some programs ask systemd-resolved directly',
    text: 'The hosts line of /etc/nsswitch.conf names "resolve", so programs ask systemd-resolved and not the server in /etc/resolv.conf. Their connections may appear by address instead of by name.',
    action: 'Put "dns" before "resolve" in the hosts line of /etc/nsswitch.conf.',
  },
  SYSTEM_DNS_MANAGED: {
    severity: 'notice',
    title: '{manager} also manages DNS',
    text: "While system DNS is on, Mirage's server stands in /etc/resolv.conf; what {manager} writes meanwhile is kept and comes back when it is turned off.",
  },
  SYSTEM_DNS_CONTENDED: {
    severity: 'warning',
    title: 'Another program keeps changing system DNS',
    text: '{file} was overwritten again and again. Mirage now puts it back only every {seconds} seconds. Questions sent to other servers through the tunnel are still answered.',
    action: 'Find the program that writes it (a DHCP client or VPN) and turn its DNS setting off.',
  },
  SYSTEM_DNS_LOST: {
    severity: 'warning',
    title: 'Another program has changed system DNS',
    text: '{file} was overwritten and could not be put back. Questions sent to other servers through the tunnel are still answered.',
    action: 'Find the program that writes it (a DHCP client or VPN) and turn its DNS setting off.',
  },
  RESTORE_INCOMPLETE: {
    severity: 'error',
    title: 'Not everything could be undone',
    text: 'Changes of the network by an earlier helper are still in force; the log says why.',
    action: 'Repair what the log names, then restore again.',
  },
  STATE_SET_ASIDE: {
    severity: 'warning',
    title: 'The mapping table could not be read',
    text: 'It lies at {path}, and a new one was begun. The reason: {reason}.',
    action: 'If this repeats, check the disk.',
  },
  KEY_SET_ASIDE: {
    severity: 'warning',
    title: 'The key of the mapping table could not be read',
    text: 'It has not 16 bytes. It lies at {path}, and a new one was made.',
    action: 'If this repeats, check the disk.',
  },
  CONFIG_SET_ASIDE: {
    severity: 'warning',
    title: 'The last configuration could not be read',
    text: 'It is not understood. It lies at {path}; everything goes DIRECT until a profile is applied.',
    action: 'If this repeats, check the disk.',
  },
  STATE_NOT_SAVED: {
    severity: 'warning',
    title: 'The state directory cannot be written',
    text: 'What is switched on could not be saved. After a restart of the helper the earlier state is used. The reason: {reason}.',
    action: 'Free space in the state directory.',
  },
  CONFIG_NOT_SAVED: {
    severity: 'warning',
    title: 'The configuration could not be saved',
    text: 'It is in force. After a restart of the helper the earlier one is used until a profile is applied again. The reason: {reason}.',
    action: 'Free space in the state directory.',
  },
} as const satisfies Readonly<Record<string, Words>>;

export type WarningCode = keyof typeof warningTexts;

type Places<Text extends string> = Text extends `${string}{${infer Place}}${infer Rest}` ? Place | Places<Rest> : never;
type PlacesOf<Code extends WarningCode> = Places<
  (typeof warningTexts)[Code]['title'] | (typeof warningTexts)[Code]['text']
>;
/** A value for each place of the texts, and nothing else. A number is a count, and is grouped: 16,382. */
export type WarningValues<Code extends WarningCode> = Readonly<Record<PlacesOf<Code>, string | number | Cause>>;

/** What health shows, with its English words and what other languages are filled with. */
interface Warning extends Words {
  code: WarningCode;
  values: Record<string, string>;
  causes?: Record<string, Cause>;
}

export function warningOf<Code extends WarningCode>(code: Code, values: WarningValues<Code>): Warning {
  const words: Words = warningTexts[code];
  const filled: Record<string, string> = {};
  const causes: Record<string, Cause> = {};
  for (const [place, value] of Object.entries<string | number | Cause>(values)) {
    filled[place] = englishOf(value);
    if (typeof value === 'object') causes[place] = value;
  }
  return {
    code,
    severity: words.severity,
    title: fillText(words.title, filled),
    text: fillText(words.text, filled),
    ...(words.action === undefined ? {} : { action: words.action }),
    values: filled,
    ...(Object.keys(causes).length === 0 ? {} : { causes }),
  };
}

function englishOf(value: string | number | Cause): string {
  if (typeof value === 'object') return causeText(value);
  return typeof value === 'number' ? value.toLocaleString('en-US') : value;
}
