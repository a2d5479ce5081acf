/** The keys of a node about TLS. */
import { formatScopedIp, parseScopedIp } from '../base/scoped-address.ts';
import { maxPem } from '../contract/config-values.ts';
import type { TlsConfig } from '../contract/proxy-config.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** Of a node at this server that speaks TLS. `usualAlpn`: what is offered where nothing is said; without it the key is not read. `unusable`: what is wrong would let the wrong server be believed; it is reported. */
export function readTls(map: YamlMap, server: string, usualAlpn?: readonly string[]): TlsConfig | 'unusable' {
  const sni = (map.take('sni') ?? map.take('servername'))?.text()?.trim() ?? '';
  const scoped = parseScopedIp(server);
  const usual = scoped === undefined ? server : formatScopedIp({ address: scoped.address });
  const pinned = readFingerprint(map.take('fingerprint'));
  if (pinned === 'unusable') return 'unusable';
  const skipAt = map.take('skip-cert-verify');
  const insecure = skipAt?.boolean() === true && pinned.fingerprint === undefined;
  if (insecure) skipAt.warning('PROXY_TLS_INSECURE', {}, 'FINGERPRINT');
  const certificate = readPem(map.take('certificate'));
  const key = readPem(map.take('private-key'));
  const alpn = usualAlpn === undefined ? undefined : (readAlpn(map.take('alpn')) ?? [...usualAlpn]);
  return {
    serverName: sni === '' || sni.length > 255 ? usual : sni,
    ...pinned,
    ...(alpn === undefined ? {} : { alpn }),
    ...(insecure ? { insecure: true } : {}),
    ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
  };
}

/** Undefined where nothing is said. */
function readAlpn(value: YamlValue | undefined): string[] | undefined {
  const names = value?.list('TEXT')?.flatMap((item) => item.text()?.trim() ?? []);
  const usable = names?.filter((name) => name !== '' && Buffer.byteLength(name) <= 255);
  return usable === undefined || usable.length === 0 ? undefined : usable.slice(0, 16);
}

/** 64 hexadecimal digits, with or without colons. A word like `chrome` is what other programs call the look of their hello. */
function readFingerprint(value: YamlValue | undefined): Pick<TlsConfig, 'fingerprint'> | 'unusable' {
  const text = value?.exactText()?.trim();
  if (value === undefined || text === undefined || text === '') return {};
  const digits = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return { fingerprint: digits };
  value.error('PROXY_FINGERPRINT', {}, 'FINGERPRINT');
  return 'unusable';
}

/** Its text stands in the profile: no file is read that a profile names. */
function readPem(value: YamlValue | undefined): string | undefined {
  const text = value?.exactText();
  if (value === undefined || text === undefined || text.trim() === '') return undefined;
  if (text.includes('-----BEGIN ') && text.length <= maxPem) return text;
  value.warning('PROXY_PEM');
  return undefined;
}
