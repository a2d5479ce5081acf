import { expect, test } from 'vitest';
import { encodeUpgradeRequest } from '../../../core/net/upgrade-request.ts';

const web = { path: '/ws?a=1', host: 'web.example', headers: [['X-Y', 'z']] satisfies [string, string][] };

test('a request for a WebSocket, and for an upgrade alone', () => {
  expect(String(encodeUpgradeRequest({ kind: 'ws', ...web }))).toBe(
    'GET /ws?a=1 HTTP/1.1\r\nHost: web.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nX-Y: z\r\n',
  );
  expect(String(encodeUpgradeRequest({ kind: 'httpupgrade', ...web }))).not.toContain('Sec-WebSocket');
});

test('fields of the handshake are ours', () => {
  const headers: [string, string][] = [
    ['connection', 'close'],
    ['Sec-WebSocket-Key', 'x'],
    ['User-Agent', 'a browser'],
  ];
  const request = String(encodeUpgradeRequest({ kind: 'ws', ...web, headers }));
  expect(request).not.toContain('close');
  expect(request).not.toContain('-Key');
  expect(request).toContain('User-Agent: a browser\r\n');
});
