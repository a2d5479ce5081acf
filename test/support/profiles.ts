/** Profiles of the end-to-end tests, as people write them. */
import { socksUser } from './world.ts';

/** Every proxy of the world; `rules` are lines without the dash; `dns` replaces keys of that section, `extra` adds sections. */
export function profile(rules: readonly string[], extra = '', dns: Readonly<Record<string, string>> = {}): string {
  const keys = {
    enable: 'true',
    'enhanced-mode': 'fake-ip',
    'fake-ip-range': '198.18.0.0/15',
    nameserver: '[system]',
    ...dns,
  };
  const socks = (name: string, server: string, port: number, auth: boolean): string =>
    `  - { name: ${name}, type: socks5, server: ${server}, port: ${port}, udp: true${auth ? `, username: ${socksUser.username}, password: ${socksUser.password}` : ''} }`;
  return `mixed-port: 7890
log-level: debug
dns:
${Object.entries(keys)
  .map(([key, value]) => `  ${key}: ${value}`)
  .join('\n')}
proxies:
${socks('dante', '10.20.0.1', 1080, false)}
${socks('dante-auth', '10.20.0.1', 1081, true)}
${socks('micro', '10.20.0.1', 1082, false)}
${socks('micro-auth', '10.20.0.1', 1083, true)}
${socks('micro-wrong', '10.20.0.1', 1083, false)}
${socks('nobody', '10.20.0.1', 1999, false)}
${socks('local', '127.0.0.1', 1085, false)}
rules:
${rules.map((rule) => `  - ${rule}`).join('\n')}
${extra}`;
}
