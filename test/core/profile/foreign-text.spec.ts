import { describe, expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

const links = [
  'ss://YWVzLTI1Ni1nY206cGFzcw@192.0.2.1:8388#one',
  'vmess://eyJ2IjoiMiIsInBzIjoi6aaZ5rivIn0=',
  'trojan://secret@192.0.2.1:443?sni=a.example#two',
].join('\n');
const base64 = Buffer.from(links).toString('base64');

describe('what is no profile is called by its name', () => {
  test.each([
    ['<!DOCTYPE html>\n<html><head><title>Just a\n moment...</title>', 'TEXT_IS_PAGE', { title: 'Just a moment...' }],
    ['<html>\r\n<head><title>502 Bad Gateway</title></head>', 'TEXT_IS_PAGE', { title: '502 Bad Gateway' }],
    ['\n <?xml version="1.0"?><Error/>', 'TEXT_IS_PAGE', { title: 'HTML' }],
    ['\ufeff<HTML>port: 1</HTML>', 'TEXT_IS_PAGE', { title: 'HTML' }],
    [links, 'TEXT_IS_LINKS', { scheme: 'ss' }],
    ['# my servers\r\n\r\nhysteria2://p@a.example:443\r\n', 'TEXT_IS_LINKS', { scheme: 'hysteria2' }],
    ['VLESS://id@a.example:443', 'TEXT_IS_LINKS', { scheme: 'vless' }],
    ['https://a.example/api/v1/client/subscribe?token=1\n', 'TEXT_IS_ADDRESS', {}],
    [base64, 'TEXT_IS_BASE64', {}],
    [base64.replace(/.{76}/g, '$&\r\n'), 'TEXT_IS_BASE64', {}],
    [Buffer.from(links).toString('base64url'), 'TEXT_IS_BASE64', {}],
    ['[General]\nloglevel = notify\n[Proxy]\nA = direct\n', 'TEXT_IS_OTHER', {}],
    ['#!MANAGED-CONFIG https://a.example\n\n[General]\nipv6=false\n', 'TEXT_IS_OTHER', {}],
    ['{"log":{},"outbounds":[{"type":"direct"}],"route":{"final":"x"}}', 'TEXT_IS_OTHER', {}],
    ['inbounds: []\noutbounds: []\n', 'TEXT_IS_OTHER', {}],
    ['payload:\n  - DOMAIN,a.example\n', 'TEXT_IS_RULES', {}],
    ['{"code": 403, "message": "token expired"}', 'TEXT_IS_ANSWER', { answer: 'token expired' }],
    ['status: fail\nmsg: 订阅已过期\ndata: ~\n', 'TEXT_IS_ANSWER', { answer: '订阅已过期' }],
  ])('%j', (text, code, values) => {
    const { problems, failure } = loadProfile(text);
    expect(failure).toBe('CONFIG_INVALID');
    expect(problems[0]?.values ?? {}).toMatchObject(values);
    expect(problems).toMatchObject([{ severity: 'error', code, line: 1 }]);
  });

  test('no byte of it is told beyond a title, a scheme or an answer', () => {
    for (const text of [links, base64]) {
      expect(JSON.stringify(loadProfile(text).problems)).not.toMatch(/secret|YWVz|192\.0\.2\.1/);
    }
  });
});

test.each([
  'message: hello\nrules: ["MATCH,DIRECT"]',
  '{"payload": [], "rules": ["MATCH,DIRECT"]}',
  'outbounds: []\nproxies: []',
  'x: 1',
  '# <html>\nport: 7890',
  '# ss://abc\nport: 7890',
  '<<: {port: 7890}',
  '[general]: 1\nport: 1',
])('%j may be a profile', (text) => {
  expect(loadProfile(text).problems.filter(({ code }) => code?.startsWith('TEXT_IS_'))).toEqual([]);
});
