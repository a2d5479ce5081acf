/** Every error code in English: what it means, and what to do. */
import type { ErrorCode } from '../../core/contract/error.ts';

export interface ErrorText {
  readonly title: string;
  readonly action: string;
}

export const enErrors: { readonly [C in ErrorCode]: ErrorText } = {
  CONFIG_SYNTAX: { title: 'The profile is not valid YAML', action: 'Correct the line shown, then reload the profile.' },
  CONFIG_INVALID: {
    title: 'The profile has mistakes',
    action: 'Correct them, then reload the profile. The old configuration stays in force.',
  },
  APPLY_CANCELLED: {
    title: 'Cancelled: the profile was not applied',
    action: 'What was in force before stays in force. Reload the profile to apply it after all.',
  },
  POLICY_UNKNOWN: {
    title: 'There is no such node or policy group',
    action: 'Look at the list under Proxies: the profile may have changed.',
  },
  POLICY_NOT_CHOSEN: {
    title: 'Nobody chooses in this policy group',
    action: 'It chooses by itself. Choose in the group that has it, or change its type in the profile.',
  },
  PROFILE_UNKNOWN: { title: 'There is no such profile', action: 'Choose one of the list.' },
  PROFILE_CHANGED: {
    title: 'The profile was changed meanwhile',
    action: 'Another program has written it. Open it again; copy what you have written first.',
  },
  PROFILE_READ_ONLY: {
    title: 'This text cannot be changed here',
    action: 'Change its override, which an update leaves as it is.',
  },
  PROFILE_IN_USE: { title: 'This profile is in use', action: 'Use another one first.' },
  PROFILE_STORE: {
    title: 'The list of profiles cannot be read or written',
    action: 'Check profiles.json in the folder of Mirage, and the free space of the disk.',
  },
  CONFIG_RULES_TOO_MANY: {
    title: 'There are too many rules together',
    action: 'Name large sub-rules and classical rule sets in fewer rules, or split them by domain and ipcidr.',
  },
  CONFIG_TOO_LARGE: { title: 'The profile is too large', action: 'Use rule providers for long lists.' },
  DOWNLOAD_ADDRESS: {
    title: 'This is not an address that can be downloaded',
    action: 'Give one that begins with https:// or http://.',
  },
  DOWNLOAD_UNREACHABLE: {
    title: 'The server of the download cannot be reached',
    action: 'Check the address, and that this machine is online.',
  },
  DOWNLOAD_TLS: {
    title: 'The server of the download does not prove who it is',
    action: 'Nothing was taken from it. Check the address and the clock of this machine.',
  },
  DOWNLOAD_STATUS: {
    title: 'The server refused the download',
    action: 'The address may have expired: get a new one from your provider.',
  },
  DOWNLOAD_TOO_LARGE: { title: 'The download is too large', action: 'Nothing of it was taken. Check the address.' },
  DOWNLOAD_TIMEOUT: { title: 'The download took too long', action: 'Try again later, or over another proxy.' },
  DOWNLOAD_CUT: { title: 'The download broke off', action: 'Nothing of it was taken. Try again.' },
  DOWNLOAD_UNREADABLE: {
    title: 'What was downloaded cannot be used',
    action: 'The earlier copy stays, if there is one. Check the address and the format.',
  },
  DOWNLOAD_POLICY: {
    title: 'The policy that the download is to take is not in force yet',
    action: 'It is downloaded as soon as the profile is applied.',
  },
  DOWNLOAD_STOPPED: { title: 'The download was stopped', action: 'Nothing of it was taken.' },
  DOWNLOAD_EMPTY: {
    title: 'What was downloaded is empty',
    action: 'The earlier version stays. Ask the provider what has become of its entries.',
  },
  DOWNLOAD_FAILED: { title: 'The download failed', action: 'Try again later.' },
  DIAL_REFUSED: {
    title: 'The server refused the connection',
    action: 'Nothing listens on that port, or a firewall answers for it.',
  },
  DIAL_NETWORK_UNREACHABLE: {
    title: 'There is no route to that network',
    action: 'Check that this machine is online.',
  },
  DIAL_HOST_UNREACHABLE: {
    title: 'The server cannot be reached',
    action: 'Check the address, and that the server is up.',
  },
  DIAL_TIMEOUT: {
    title: 'The server did not answer in time',
    action: 'Try again, or use another proxy for this host.',
  },
  DIAL_PROXY_REFUSED: {
    title: 'The proxy refused the connection',
    action: 'Check that the proxy runs, and its port in the profile.',
  },
  DIAL_PROXY_UNREACHABLE: {
    title: 'The proxy cannot be reached',
    action: 'Check its address in the profile, and that this machine is online.',
  },
  DIAL_PROXY_AUTH: {
    title: 'The proxy did not accept the credentials',
    action: 'Correct user name and password in the profile.',
  },
  DIAL_PROXY_DENIED: { title: 'The proxy does not allow this destination', action: 'Use another proxy for this host.' },
  DIAL_PROXY_FAILED: { title: 'The proxy could not connect', action: 'Try again, or use another proxy for this host.' },
  DIAL_TLS_EXPIRED: {
    title: 'The certificate of the proxy has expired',
    action: 'Ask whoever runs the proxy for a new one, and check the clock of this machine.',
  },
  DIAL_TLS_NOT_YET_VALID: {
    title: 'The certificate of the proxy is not valid yet',
    action: 'Check the clock of this machine.',
  },
  DIAL_TLS_NAME: {
    title: 'The certificate of the proxy is for another name',
    action: 'Check sni and server of the node.',
  },
  DIAL_TLS_UNKNOWN_ISSUER: {
    title: 'Nobody known has signed the certificate of the proxy',
    action: 'If it is the right one, put its fingerprint into the node.',
  },
  DIAL_TLS_FINGERPRINT: {
    title: 'The proxy shows another certificate than expected',
    action: 'Check fingerprint of the node: the certificate was renewed, or somebody is in between.',
  },
  DIAL_TLS_CERTIFICATE: {
    title: 'The certificate of the proxy is not good',
    action: 'Ask whoever runs the proxy.',
  },
  DIAL_TLS_CLIENT_CERTIFICATE: {
    title: 'The proxy does not accept our certificate, or wants one',
    action: 'Check certificate and private-key of the node.',
  },
  DIAL_TLS_FAILED: {
    title: 'TLS with the proxy failed',
    action: 'Check port and tls of the node: its server may speak no TLS there.',
  },
  DIAL_NAME_NOT_FOUND: {
    title: 'The name does not exist',
    action: 'Check its spelling, and the DNS servers of the profile.',
  },
  DIAL_REJECTED: { title: 'Rejected by a rule', action: 'Change the rule if this was not wanted.' },
  DIAL_LOOP_DETECTED: {
    title: 'The connection came back to Mirage',
    action: 'A proxy on this machine sends its traffic through Mirage again: give it a DIRECT rule.',
  },
  DIAL_NOT_SPOKEN: {
    title: 'This node cannot be used yet',
    action: 'Its protocol is not supported yet: choose another node under Proxies, or in the profile.',
  },
  DIAL_CHAIN: {
    title: 'The chain of proxies leads to itself',
    action:
      'Look at the groups and nodes that it names (dialer-proxy, relay): choose another member, or change the profile.',
  },
  DIAL_GROUP_EMPTY: {
    title: 'The policy group has no usable node',
    action: 'Look at its nodes under Proxies: their protocols are not supported yet, or its filter leaves none.',
  },
  DIAL_IO: { title: 'The connection broke', action: 'Try again.' },
  DNS_TIMEOUT: { title: 'The DNS server did not answer in time', action: 'Check the name servers of the profile.' },
  DNS_NO_UPSTREAM: { title: 'No DNS server is known', action: 'Name one under dns.nameserver in the profile.' },
  DNS_BAD_MESSAGE: {
    title: 'A DNS message could not be read',
    action: 'If it repeats, report it with the name that was asked.',
  },
  DNS_IO: { title: 'The DNS server could not be asked', action: 'Check that this machine is online.' },
  DNS_TLS: {
    title: 'The DNS server did not prove who it is',
    action: 'Check its name and certificate in dns.nameserver of the profile.',
  },
  FAKE_IP_EXHAUSTED: {
    title: 'All fake addresses are in use',
    action: 'Choose a larger dns.fake-ip-range in the profile.',
  },
  FAKE_IP_RANGE_TOO_SMALL: {
    title: 'The range of fake addresses is too small',
    action: 'Choose a larger dns.fake-ip-range in the profile.',
  },
  FAKE_IP_UNKNOWN_ADDRESS: {
    title: 'This fake address belongs to no name',
    action: 'The program kept an old answer: start it again.',
  },
  FAKE_IP_STORE: { title: 'The mapping table could not be written', action: 'Check the free space of the disk.' },
  TUN_UNAVAILABLE: { title: 'This machine offers no TUN device', action: 'Load the kernel module: modprobe tun' },
  TUN_NAME_TAKEN: {
    title: 'Another program uses the device name',
    action: 'Stop it, or choose another tun.device in the profile.',
  },
  TUN_FAILED: { title: 'The TUN device failed', action: 'Turn Enhanced Mode on again.' },
  SYSTEM_COMMAND_FAILED: {
    title: 'A system command failed',
    action: 'The details below say which. The network was rolled back.',
  },
  SYSTEM_DNS_FAILED: {
    title: 'The system DNS could not be changed',
    action: 'Another program may hold it. The network was rolled back.',
  },
  SYSTEM_ROUTES_FAILED: {
    title: 'The routes could not be changed',
    action: 'Another VPN may be in the way. The network was rolled back.',
  },
  SYSTEM_JOURNAL_FAILED: {
    title: 'The undo journal could not be written',
    action: 'Check the free space of the disk. Nothing was changed.',
  },
  SYSTEM_UNSUPPORTED: { title: 'Not supported on this system yet', action: 'Enhanced Mode works on Linux today.' },
  HELPER_NOT_RUNNING: {
    title: 'The helper is not running',
    action: 'Start it with: npm start',
  },
  HELPER_UNTRUSTED: {
    title: 'The helper is not to be trusted',
    action: 'Its socket or folder does not belong to root: install Mirage again.',
  },
  HELPER_NOT_ALLOWED: { title: 'This user may not use the helper', action: 'Ask an administrator to allow your user.' },
  HELPER_IN_USE: { title: 'Another user owns Enhanced Mode', action: 'Wait until that user turns it off.' },
  HELPER_INCOMPATIBLE: {
    title: 'Helper and app do not fit together',
    action: 'Update both to the same version, then restart the helper.',
  },
  RPC_BAD_FRAME: { title: 'Helper and app misunderstood each other', action: 'Update both to the same version.' },
  RPC_TOO_LARGE: { title: 'A message was too large', action: 'Use fewer rules in the profile.' },
  RPC_UNKNOWN_METHOD: {
    title: 'The other side does not know this request',
    action: 'Update helper and app to the same version.',
  },
  RPC_BAD_PARAMS: { title: 'The request was not understood', action: 'Check what was entered.' },
  RPC_TIMEOUT: { title: 'No answer in time', action: 'Try again. If it repeats, restart the helper.' },
  RPC_CLOSED: { title: 'The connection was closed', action: 'Mirage connects again by itself.' },
  RPC_BUSY: { title: 'The helper is busy', action: 'Try again in a moment.' },
  INTERNAL: { title: 'Something unexpected happened', action: 'Copy the details and report them.' },
};
