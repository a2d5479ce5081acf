import { describe, expect, test } from 'vitest';
import { ruleText } from '../../../../../core/system/linux/routes/rule-text.ts';

describe('rules, as iproute2 shows them', () => {
  test.each([
    [{ priority: 5399, src: 'all', nop: null }, 'pref 5399 nop'],
    [{ priority: 5380, src: 'all', dst: '224.0.0.0', dstlen: 4, goto: 5399 }, 'pref 5380 to 224.0.0.0/4 goto 5399'],
    [
      { priority: 5384, not: null, src: 'all', dport: 53, table: '254', suppress_prefixlen: 0 },
      'pref 5384 not dport 53 lookup main suppress_prefixlength 0',
    ],
    [{ priority: 5385, src: 'all', iif: 'mirage0', iif_detached: null, goto: 5399 }, 'pref 5385 iif mirage0 goto 5399'],
    [
      { priority: 5387, src: '0.0.0.0', iif: 'lo', table: '5380', protocol: 'boot' },
      'pref 5387 from 0.0.0.0 iif lo lookup 5380',
    ],
    [{ priority: 5388, src: '::', srclen: 1, goto: 5399 }, 'pref 5388 from ::/1 goto 5399'],
    [
      { priority: 32765, not: null, src: 'all', fwmark: '0xca6c', table: '51820' },
      'pref 32765 not fwmark 0xca6c lookup 51820',
    ],
    [
      { priority: 5250, src: 'all', fwmark: '0x80000', fwmask: '0xff0000', action: '7' },
      'pref 5250 fwmark 0x80000/0xff0000 unreachable',
    ],
    [
      {
        priority: 9,
        src: '10.0.0.5',
        dst: '10.1.0.0',
        dstlen: 16,
        tos: '0x10',
        iif: 'lo',
        oif: 'eth0',
        uid_start: 1000,
        uid_end: 1001,
        ipproto: 'ipproto-6',
        sport_start: 10,
        sport_end: 20,
        dport: 53,
        table: '77',
      },
      'pref 9 from 10.0.0.5 to 10.1.0.0/16 tos 0x10 iif lo oif eth0 uidrange 1000-1001 ipproto 6 sport 10-20 dport 53 lookup 77',
    ],
  ])('%j', (rule, expected) => {
    expect(ruleText(rule)).toBe(expected);
  });

  test('a selector that we never use makes it a different rule', () => {
    const ours = { priority: 5381, src: 'all', dst: '198.18.0.0', dstlen: 15, table: '5380' };
    for (const more of [{ fwmark: '0x1' }, { uid_start: 0, uid_end: 10 }, { ipproto: 'udp' }, { action: '7' }]) {
      expect(ruleText({ ...ours, ...more })).not.toBe(ruleText(ours));
    }
  });
});
