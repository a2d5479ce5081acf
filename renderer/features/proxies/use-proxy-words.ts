/** What the page says of proxies, translated once and not once per cell. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Delay } from '../../../core/contract/proxies.ts';
import type { ProxyState } from '../../../core/contract/proxy-views.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { formatClock } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

export interface ProxyWords {
  /** A kind of group in words, a protocol as its name. */
  readonly kind: (kind: string) => string;
  readonly state: Readonly<Record<ProxyState, string>>;
  /** A sentence about the state; of a failed test also why. */
  readonly explain: (state: ProxyState, last: Delay | undefined) => string;
  /** All tests in words, for who does not see the bars. */
  readonly history: (delays: readonly Delay[]) => string;
  readonly inUse: string;
}

/** As the protocols write their own names. */
const protocolNames: Readonly<Record<string, string>> = {
  direct: 'Direct',
  dns: 'DNS',
  reject: 'Reject',
  pass: 'Pass',
  socks5: 'SOCKS5',
  http: 'HTTP',
  ss: 'Shadowsocks',
  ssr: 'ShadowsocksR',
  vmess: 'VMess',
  vless: 'VLESS',
  trojan: 'Trojan',
  hysteria: 'Hysteria',
  hysteria2: 'Hysteria2',
  tuic: 'TUIC',
  wireguard: 'WireGuard',
  snell: 'Snell',
  ssh: 'SSH',
  anytls: 'AnyTLS',
  mieru: 'Mieru',
  masque: 'MASQUE',
};

export function useProxyWords(): ProxyWords {
  const { t } = useTranslation();
  const errorText = useErrorText();
  return useMemo(() => {
    const words = (key: 'state' | 'stateText'): Record<ProxyState, string> => ({
      alive: t(`proxies.${key}.alive`),
      dead: t(`proxies.${key}.dead`),
      failed: t(`proxies.${key}.failed`),
      untested: t(`proxies.${key}.untested`),
      unspoken: t(`proxies.${key}.unspoken`),
      empty: t(`proxies.${key}.empty`),
      refused: t(`proxies.${key}.refused`),
    });
    const state = words('state');
    const stateText = words('stateText');
    const groupTypes: Readonly<Record<string, string>> = {
      select: t('proxies.groupType.select'),
      'url-test': t('proxies.groupType.url-test'),
      fallback: t('proxies.groupType.fallback'),
      'load-balance': t('proxies.groupType.load-balance'),
      relay: t('proxies.groupType.relay'),
    };
    const resultOf = ({ ms, status, code }: Delay): string => {
      if (ms !== null) return `${Math.round(ms)} ms`;
      if (status !== undefined) return t('proxies.badStatus', { status });
      return code === undefined ? state.dead : errorText(code).title;
    };
    return {
      kind: (kind) => {
        const known = { ...protocolNames, ...groupTypes };
        return Object.hasOwn(known, kind) ? (known[kind] ?? kind) : plainText(kind, 30);
      },
      state,
      explain: (each, last) =>
        last === undefined || each === 'unspoken' || each === 'empty'
          ? stateText[each]
          : `${stateText[each]} (${formatClock(last.at).slice(0, 8)}: ${resultOf(last)})`,
      history: (delays) => delays.map((delay) => `${formatClock(delay.at).slice(0, 8)} ${resultOf(delay)}`).join(' · '),
      inUse: t('proxies.inUse'),
    };
  }, [t, errorText]);
}
