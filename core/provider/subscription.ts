/** Downloads a subscription and makes a profile of it, whatever form it came in. */
import { AppError } from '../base/app-error.ts';
import { maxProfileBytes } from '../contract/profile-import.ts';
import type { SubscriptionInfo } from '../contract/providers.ts';
import { type FetchSubscription, leastInterval, mostInterval, type SubscriptionHead } from '../profile/subscription.ts';
import { type Downloader, type DownloadHeaders, progressOf } from './download/download.ts';
import { linkedNodes } from './nodes/read-nodes.ts';

/** The groups that a list of links is given, so that there is something to choose. */
const chosen = 'Proxy';
const fastest = 'Auto';

export function fetchSubscription(downloader: Pick<Downloader, 'get'>): FetchSubscription {
  return async (request) => {
    const { onProgress = () => undefined } = request;
    const answer = await downloader.get({
      ...request,
      maxBytes: maxProfileBytes,
      onProgress: (bytes, total) => onProgress(progressOf(bytes, total)),
    });
    const head = headOf(answer.headers);
    if (answer.kind === 'unchanged') return { kind: 'unchanged', ...head };
    // Anything else is read, and refused, as a profile: its mistakes have their places then.
    const text = answer.bytes.toString('utf8');
    return { kind: 'fresh', text: profileOf(text), ...head };
  };
}

/**
 * A profile as it is; of a list of links one that sends everything through the node that is chosen. Throws DOWNLOAD_UNREADABLE for a
 * list of which no link is understood.
 */
export function profileOf(text: string): string {
  const links = linkedNodes(text);
  if (links === undefined) return text;
  const nodes = links.filter(({ name }) => name !== chosen && name !== fastest);
  const names = [...new Set(nodes.map(({ name }) => name))];
  if (names.length === 0)
    throw new AppError('DOWNLOAD_UNREADABLE', 'it is a list of links, and none of them is understood', {
      expected: 'links to proxies such as ss://, vmess:// or trojan://, or a profile for Clash',
    });
  return JSON.stringify(
    {
      'mixed-port': 7890,
      proxies: nodes,
      'proxy-groups': [
        { name: chosen, type: 'select', proxies: [fastest, ...names] },
        { name: fastest, type: 'url-test', proxies: names, url: 'https://www.gstatic.com/generate_204', interval: 300 },
      ],
      rules: ['GEOIP,LAN,DIRECT,no-resolve', `MATCH,${chosen}`],
    },
    undefined,
    2,
  );
}

function headOf(headers: DownloadHeaders): SubscriptionHead {
  const { etag, lastModified } = headers;
  const name = nameOf(headers.contentDisposition ?? '');
  const hours = Number(headers.profileUpdateInterval);
  const interval = hours > 0 ? Math.round(Math.min(Math.max(hours * 3600, leastInterval), mostInterval)) : undefined;
  const info = infoOf(headers.subscriptionUserinfo ?? '');
  return {
    ...(name === undefined ? {} : { name }),
    ...(interval === undefined ? {} : { interval }),
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(info === undefined ? {} : { info }),
  };
}

/** The file's name in `Content-Disposition` (RFC 6266), without its ending. */
export function nameOf(disposition: string): string | undefined {
  const [, extended] = /filename\*\s*=\s*(?:utf-8|iso-8859-1)''([^;]+)/i.exec(disposition) ?? [];
  const [, quoted, plain] = /filename\s*=\s*(?:"([^"]*)"|([^;]+))/i.exec(disposition) ?? [];
  const name = (extended === undefined ? (quoted ?? plain ?? '') : decoded(extended))
    .replaceAll(/[\p{Cc}\p{Cf}/\\]/gu, '')
    .replace(/\.(?:ya?ml|txt|conf)$/i, '')
    .trim();
  return name === '' ? undefined : name.slice(0, 90);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return '';
  }
}

/** `upload=1; download=2; total=3; expire=1700000000` */
export function infoOf(text: string): SubscriptionInfo | undefined {
  const number = (key: string): number | undefined => {
    const value = Number(
      new RegExp(`(?:^|[;\\s])${key}\\s*=\\s*(\\d{1,18})(?:\\.\\d+)?\\s*(?:;|$)`, 'i').exec(text)?.[1],
    );
    return Number.isFinite(value) ? value : undefined;
  };
  const [upload, download, total, expire] = ['upload', 'download', 'total', 'expire'].map(number);
  const info: SubscriptionInfo = {
    ...(upload === undefined ? {} : { upload }),
    ...(download === undefined ? {} : { download }),
    ...(total === undefined || total === 0 ? {} : { total }),
    ...(expire === undefined || expire === 0 ? {} : { expires: expire * 1000 }),
  };
  return Object.keys(info).length === 0 ? undefined : info;
}
