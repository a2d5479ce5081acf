import { describe, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { RowPrivacy } from '../../../core/helper/row-privacy.ts';

const anna = 1000;
const bert = 1001;
const caller = (uid: number) => ({ pid: 1, uid, gid: uid });
const connection = (uid?: number): ConnectionRow => ({
  id: '7',
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host: 'secret.example', port: 443 },
  domainSource: 'fake-ip',
  fakeIp: '198.18.0.9',
  ...(uid === undefined ? {} : { process: { pid: 9, uid, name: 'curl', path: '/usr/bin/curl' } }),
  rule: { index: 0, type: 'DOMAIN', payload: 'secret.example', policy: 'DIRECT' },
  matchedIp: '192.0.2.1',
  chain: ['DIRECT'],
  remote: '192.0.2.1',
  state: 'open',
  up: 1,
  down: 2,
  openedAt: 3,
  error: { code: 'DIAL_REFUSED', message: 'secret.example refused' },
});
const mapping = {
  address: '198.18.0.9',
  name: 'secret.example',
  state: 'live' as const,
  firstSeen: 0,
  lastAnswered: 0,
  lastConnected: 0,
  answers: 0,
  flows: 0,
  liveFlows: 0,
  pinned: false,
  outcome: '',
};
const question = {
  id: '1',
  time: 0,
  client: '198.18.0.1',
  name: 'secret.example',
  type: 'A',
  verdict: 'fake' as const,
  rcode: 'NOERROR',
  answer: '',
  ms: 0,
};
const line = { id: '1', time: 0, level: 'info' as const, component: 'c', message: 'secret.example' };

describe('rows', () => {
  const privacy = new RowPrivacy(() => anna);

  test.each([
    ['the owner', anna],
    ['root', 0],
  ])('%s sees everything', (_, uid) => {
    expect(privacy.view('connections', connection(bert), caller(uid))).toEqual(connection(bert));
    expect(privacy.view('mappings', mapping, caller(uid))).toBe(mapping);
    expect(privacy.view('dnsLog', question, caller(uid))).toBe(question);
    expect(privacy.view('logs', line, caller(uid))).toBe(line);
  });

  test('another user sees that there are connections and how much they carry, and nothing that says where to', () => {
    for (const row of [connection(anna), connection()]) {
      const seen = privacy.view('connections', row, caller(bert));
      expect(seen).toMatchObject({ id: '7', state: 'open', up: 1, down: 2 });
      expect(JSON.stringify(seen)).not.toMatch(/secret|curl|DIRECT|192\.0\.2|198\.18/);
    }
  });

  test('another user sees the connections of their own programs', () => {
    expect(privacy.view('connections', connection(bert), caller(bert))).toEqual(connection(bert));
  });

  test('another user sees no mappings, no questions, no log', () => {
    expect(privacy.view('mappings', mapping, caller(bert))).toBeUndefined();
    expect(privacy.view('dnsLog', question, caller(bert))).toBeUndefined();
    expect(privacy.view('logs', line, caller(bert))).toBeUndefined();
  });

  test("while nothing is anybody's, only root sees what was", () => {
    const nobody = new RowPrivacy(() => undefined);
    expect(nobody.view('mappings', mapping, caller(anna))).toBeUndefined();
    expect(nobody.view('mappings', mapping, caller(0))).toBe(mapping);
  });
});
