/**
 * What a proxy answers when it cannot do what it is asked (RFC 9110 section 15): a line of text for programs, a page for browsers,
 * and the kind of failure for whoever reads RFC 9209. The connection ends after it.
 */
import { fieldTokens, fieldValues } from './http-fields.ts';
import type { HttpRequestHead } from './http-request.ts';

/** Who reads the answer. */
export interface HttpReader {
  /** Of a request with HEAD there is no body to read (RFC 9110 section 9.3.2). */
  readonly method: string;
  readonly wants: 'text' | 'page' | 'chinese-page';
}

export interface HttpErrorDetails {
  readonly reader?: HttpReader;
  /** An error type of RFC 9209 section 2.3. */
  readonly error?: string;
  /** Where the client wanted to go. */
  readonly host?: string;
}

/** A page is for who says that it takes one, and is about to show it: not an image, not a script. */
export function readerOf({ method, headers }: HttpRequestHead): HttpReader {
  const takesPage = fieldTokens(headers, 'accept').some((type) =>
    /^(?:text\/html|application\/xhtml\+xml)(?:;|$)/.test(type),
  );
  const [kind] = fieldTokens(headers, 'sec-fetch-dest');
  const shows = kind === undefined || ['document', 'iframe', 'frame'].includes(kind);
  if (!takesPage || !shows) return { method, wants: 'text' };
  return {
    method,
    wants: fieldTokens(headers, 'accept-language')[0]?.startsWith('zh') === true ? 'chinese-page' : 'page',
  };
}

/** `message` is one sentence for people. */
export function encodeHttpError(status: number, message: string, details: HttpErrorDetails = {}): Uint8Array {
  const wants = details.reader?.wants ?? 'text';
  const body = Buffer.from(
    wants === 'text' ? `${message}\n` : page(status, message, wants === 'page' ? 'en' : 'zh', details.host),
  );
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Error'}`,
    ...(status === 407 ? ['Proxy-Authenticate: Basic realm="Mirage", charset="UTF-8"'] : []),
    ...(details.error === undefined ? [] : [`Proxy-Status: Mirage; error=${details.error}`]),
    ...(wants === 'text' ? [] : ["Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'"]),
    `Content-Type: text/${wants === 'text' ? 'plain' : 'html'}; charset=utf-8`,
    'Cache-Control: no-store',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return details.reader?.method === 'HEAD' ? head : Buffer.concat([head, body]);
}

/** The largest number of proxies that a request may still pass; undefined where it may pass any (RFC 9110 section 7.6.2). */
export function maxForwards({ method, headers }: HttpRequestHead): number | undefined {
  if (method !== 'TRACE' && method !== 'OPTIONS') return undefined;
  const [written = ''] = fieldValues(headers, 'max-forwards');
  return /^\d{1,9}$/.test(written) ? Number(written) : undefined;
}

const reasons: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  407: 'Proxy Authentication Required',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
};

interface PageTexts {
  readonly lang: string;
  readonly reached: (host: string) => string;
  readonly titles: Readonly<Record<number, string>>;
  readonly otherTitle: string;
  readonly advice: Readonly<Record<number, string>>;
  readonly from: string;
}

const texts: Readonly<Record<'en' | 'zh', PageTexts>> = {
  en: {
    lang: 'en',
    reached: (host) => `${host} cannot be reached`,
    titles: { 403: 'Refused by a rule', 407: 'The proxy wants a password', 431: 'The request is too large' },
    otherTitle: 'The request cannot be passed on',
    advice: {
      403: 'A rule of your profile refuses this connection. The Connections page of Mirage shows which one.',
      407: 'Enter a user name and password of this proxy, as its profile has them.',
      502: 'Check the address, and whether the proxy that the rules choose works. The Connections page of Mirage shows the way that was tried.',
      504: 'The other side did not answer in time. Try again, or look at the Connections page of Mirage.',
    },
    from: 'This page comes from the proxy Mirage, not from the website.',
  },
  zh: {
    lang: 'zh-CN',
    reached: (host) => `无法访问 ${host}`,
    titles: { 403: '已被规则拒绝', 407: '代理需要密码', 431: '请求过大' },
    otherTitle: '无法转发此请求',
    advice: {
      403: '配置文件中的一条规则拒绝了此连接。可在 Mirage 的“连接”页查看是哪一条。',
      407: '请输入此代理的用户名和密码（见其配置文件）。',
      502: '请检查网址，以及规则所选的代理是否可用。可在 Mirage 的“连接”页查看尝试过的路径。',
      504: '对方没有及时响应。请重试，或查看 Mirage 的“连接”页。',
    },
    from: '此页面来自代理 Mirage，而不是网站。',
  },
};

const style =
  'body{margin:0;font:16px/1.6 system-ui,sans-serif;color:#1d2330;background:#f4f6fa}' +
  'main{max-width:36rem;margin:14vh auto;padding:2rem 2.25rem;background:#fff;border:1px solid #d9dfe9;border-radius:14px}' +
  'h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.3;overflow-wrap:anywhere}p{margin:.5rem 0;overflow-wrap:anywhere}' +
  'footer{margin-top:1.5rem;font-size:.85rem;color:#5b6576}' +
  '@media(prefers-color-scheme:dark){body{color:#e6eaf2;background:#12151c}main{background:#1a1f29;border-color:#303848}' +
  'footer{color:#a3adbf}}';

function page(status: number, message: string, language: 'en' | 'zh', host: string | undefined): string {
  const { lang, reached, titles, otherTitle, advice, from } = texts[language];
  const isFar = status === 502 || status === 504;
  const title = titles[status] ?? (isFar && host !== undefined ? reached(host) : otherTitle);
  const shown = host === undefined || isFar || status === 407 ? [] : [`<p><strong>${escaped(host)}</strong></p>`];
  return [
    `<!doctype html><html lang="${lang}"><head><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style></head>`,
    `<body><main><h1>${escaped(title)}</h1>`,
    ...shown,
    `<p>${escaped(message)}</p>`,
    ...(advice[status] === undefined ? [] : [`<p>${escaped(advice[status])}</p>`]),
    `<footer>${escaped(from)} ${status} ${reasons[status] ?? 'Error'}</footer></main></body></html>`,
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
