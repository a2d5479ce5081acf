/** Small readable pages for the people who end up at a closed door: no script, no look-ups, English or Chinese. */

export type Notice = 'link-needed' | 'link-spent' | 'wrong-address' | 'not-found';

const texts: Record<Notice, { en: [string, string]; zh: [string, string] }> = {
  'link-needed': {
    en: [
      'This page needs a link from the terminal',
      'Press Enter in the terminal where "mirage serve" runs, or start it again, and open the link that it prints. Each link works once.',
    ],
    zh: [
      '请使用终端中的链接打开',
      '在运行 mirage serve 的终端按回车键（或重新启动它），然后打开新打印的链接。每个链接只能使用一次。',
    ],
  },
  'link-spent': {
    en: [
      'This link was used already, or is too old',
      'A link works once and for ten minutes. Press Enter in the terminal where "mirage serve" runs to get a new one.',
    ],
    zh: ['链接已使用或已过期', '每个链接只能使用一次，有效期十分钟。在运行 mirage serve 的终端按回车键可获取新链接。'],
  },
  'wrong-address': {
    en: [
      'Mirage does not answer under this name',
      'Open it by the address that "mirage serve" printed. Other names are refused so that foreign web pages cannot reach it.',
    ],
    zh: ['无法通过此名称访问 Mirage', '请使用 mirage serve 打印的地址打开。为防止外部网页访问，其他名称一律拒绝。'],
  },
  'not-found': {
    en: ['There is nothing here', 'Go back to the start page of Mirage.'],
    zh: ['这里没有内容', '请返回 Mirage 首页。'],
  },
};

/** A whole HTML document in the language that `acceptLanguage` (RFC 9110, 12.5.4) names first. */
export function noticePage(notice: Notice, acceptLanguage: string | undefined): string {
  const chinese = acceptLanguage?.trim().toLowerCase().startsWith('zh') === true;
  const [title, text] = chinese ? texts[notice].zh : texts[notice].en;
  return `<!doctype html>
<html lang="${chinese ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mirage</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 15px/1.6 system-ui, sans-serif; }
main { max-width: 32rem; padding: 2rem; }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 .5rem; }
p { margin: 0; opacity: .75; }
</style>
</head>
<body><main><h1>${title}</h1><p>${text}</p></main></body>
</html>
`;
}
