/** Lists of `geosite.dat` that people use, for completion; the file has some 1,500 more. */
export const geositeNames = `
  private cn geolocation-cn geolocation-!cn gfw tld-cn tld-!cn
  google google-cn youtube gmail github gitlab microsoft microsoft@cn onedrive bing apple apple-cn icloud amazon aws cloudflare
  telegram twitter x facebook instagram whatsapp discord signal reddit wikimedia linkedin tiktok
  openai category-ai-!cn category-ai-chat-!cn huggingface
  netflix disney hbo hulu primevideo spotify twitch bilibili biliintl iqiyi youku abema bahamut pixiv dazn
  steam steam@cn epicgames playstation xbox nintendo category-games category-games@cn
  category-ads category-ads-all category-porn category-cryptocurrency category-dev category-scholar-!cn category-media
  category-social-media-!cn category-companies category-entertainment category-bank-cn category-httpdns-cn category-ntp
  baidu tencent alibaba bytedance jd zhihu weibo douyin netease xiaomi huawei speedtest docker npmjs paypal stripe
`
  .trim()
  .split(/\s+/);

/** Codes of GEOIP beside those of countries. */
export const geoipNames = [
  'private',
  'lan',
  'CN',
  'US',
  'JP',
  'HK',
  'TW',
  'SG',
  'KR',
  'GB',
  'DE',
  'FR',
  'telegram',
  'cloudflare',
  'google',
  'netflix',
];
