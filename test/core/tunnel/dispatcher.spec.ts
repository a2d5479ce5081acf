import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { DialOutcome } from '../../../core/inbound/flow-engine.ts';
import { settle } from '../../support/manual-clock.ts';
import { FakeOutbound, policyOf, rule, Stage } from './stage.ts';

const good: DialOutcome = { ok: true, address: '192.0.2.7', ms: 12.4 };
const bad = (code: AppError['code']): DialOutcome => ({ ok: false, code, message: 'why', ms: 3 });
let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

describe('a flow from the TUN', () => {
  test('the whole way: name, row, rule, dial, end, one line in the log', async () => {
    const id = stage.engine.open('198.18.3.1', 443);
    expect(stage.row('1')).toMatchObject({
      state: 'deciding',
      destination: { host: 'host1.example' },
      fakeIp: '198.18.3.1',
    });
    await settle();
    expect(stage.engine.verdicts).toEqual([
      {
        id,
        verdict: { kind: 'dial', dial: expect.objectContaining({ target: { host: 'host1.example', port: 443 } }) },
      },
    ]);
    expect(stage.row('1')).toMatchObject({ state: 'dialing', rule: { type: 'MATCH', index: 0 }, chain: ['far'] });
    stage.engine.dialed(id, good);
    expect(stage.row('1')).toMatchObject({ state: 'open', remote: '192.0.2.7', dialMs: 12 });
    stage.engine.count(id, 100, 2000);
    await stage.clock.advance(1500);
    stage.engine.end(id, { reason: 'done' });
    expect(stage.row('1')).toMatchObject({ state: 'closed', up: 100, down: 2000, closeReason: 'done' });
    expect(stage.pool).toEqual(['opened 198.18.3.1', 'closed 198.18.3.1 ok']);
    expect(stage.log).toEqual([
      'flow id=1 network=tcp inbound=tun from=198.18.0.1:40001 to=host1.example:443 named=fake-ip fakeIp=198.18.3.1 rule=MATCH via=far ' +
        'remote=192.0.2.7 dialMs=12 up=100 down=2000 ms=1500 end=done',
    ]);
  });

  test('outcome and end in one batch: it was open, and the name is fine', async () => {
    const id = await stage.connect();
    stage.engine.dialed(id, good);
    stage.engine.end(id, { reason: 'done' });
    expect(stage.row('1')).toMatchObject({ state: 'closed', remote: '192.0.2.7' });
    expect(stage.pool.at(-1)).toBe('closed 198.18.3.1 ok');
  });

  test.each([
    ['DIAL_REFUSED', 'tcp', 'reset'],
    ['DIAL_HOST_UNREACHABLE', 'tcp', 'unreachable'],
    ['DIAL_TIMEOUT', 'tcp', 'drop'],
    ['DIAL_TIMEOUT', 'udp', 'unreachable'],
    ['DIAL_PROXY_AUTH', 'tcp', 'reset'],
  ] as const)('a dial that ends in %s over %s: %s', async (code, network, how) => {
    const id = await stage.connect('198.18.3.1', 443, network);
    stage.engine.dialed(id, bad(code));
    expect(stage.lastVerdict).toEqual({ kind: 'reject', how });
    await settle();
    expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'failed', error: { code, message: 'why' } });
    expect(stage.pool.at(-1)).toBe(`closed 198.18.3.1 ${code}`);
    expect(stage.log).toHaveLength(1);
    expect(stage.log[0]).toContain(`end=failed error=${code} why=why`);
  });

  test('an outbound that cannot even plan says why', async () => {
    stage.far.planned = () => Promise.reject(new AppError('DIAL_NAME_NOT_FOUND', 'there is no such name'));
    await stage.connect();
    expect(stage.lastVerdict).toEqual({ kind: 'reject', how: 'unreachable' });
    expect(stage.row('1')).toMatchObject({ error: { code: 'DIAL_NAME_NOT_FOUND' } });
  });

  test('a rejection by rule is no failure', async () => {
    stage.far.planned = () => Promise.resolve({ kind: 'reject', how: 'reset' });
    await stage.connect('198.18.3.1', 443, 'udp');
    expect(stage.lastVerdict).toEqual({ kind: 'reject', how: 'reset' });
    await settle();
    expect(stage.row('1')).toMatchObject({
      state: 'closed',
      closeReason: 'rejected',
      error: { code: 'DIAL_REJECTED' },
    });
  });

  test('an exception of ours is INTERNAL and a reset, not a flow that hangs', async () => {
    stage.far.planned = () => {
      throw new TypeError('a defect');
    };
    await stage.connect();
    expect(stage.lastVerdict).toEqual({ kind: 'reject', how: 'reset' });
    expect(stage.row('1')).toMatchObject({ error: { code: 'INTERNAL' } });
  });
});

describe('an application that gives up', () => {
  test('while the outbound thinks: its work is cancelled, nothing is decided', async () => {
    let cancelled = false;
    stage.far.planned = (_to, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          cancelled = true;
          reject(new Error('aborted'));
        });
      });
    const id = await stage.connect();
    stage.engine.end(id, { reason: 'abandoned' });
    await settle();
    expect(cancelled).toBe(true);
    expect(stage.engine.verdicts).toEqual([]);
    expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'abandoned' });
    expect(stage.row('1').error).toBeUndefined();
    expect(stage.pool).toEqual(['opened 198.18.3.1', 'closed 198.18.3.1 ']);
    expect(stage.log).toHaveLength(1);
  });

  test('a plan that comes too late is ignored', async () => {
    const late = Promise.withResolvers<{ kind: 'reject'; how: 'reset' }>();
    stage.far.planned = () => late.promise;
    const id = await stage.connect();
    stage.engine.end(id, { reason: 'abandoned' });
    late.resolve({ kind: 'reject', how: 'reset' });
    await settle();
    expect(stage.engine.verdicts).toEqual([]);
    expect(stage.log).toHaveLength(1);
  });
});

describe('names and dials that fail', () => {
  test('are told, with what it went through', async () => {
    const id = await stage.connect();
    stage.engine.dialed(id, bad('DIAL_PROXY_FAILED'));
    expect(stage.failedNames).toEqual([['host1.example', 'far', 'DIAL_PROXY_FAILED']]);
    stage.far.planned = () => Promise.reject(new AppError('DIAL_NAME_NOT_FOUND', 'there is no such name'));
    await stage.connect('198.18.3.2');
    expect(stage.failedNames.slice(1)).toEqual([['host2.example', 'far', 'DIAL_NAME_NOT_FOUND']]);
  });

  test('but not dials to bare addresses, and not those that the application gave up', async () => {
    const bare = await stage.connect('203.0.113.9');
    stage.engine.dialed(bare, bad('DIAL_PROXY_FAILED'));
    stage.far.planned = (_to, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const left = await stage.connect();
    stage.engine.end(left, { reason: 'abandoned' });
    await settle();
    expect(stage.failedNames).toEqual([]);
  });
});

describe('rules', () => {
  beforeEach(() => {
    const rules = [
      rule('DOMAIN', 'host1.example', 'far'),
      rule('IP-CIDR', '192.0.2.0/24', 'DIRECT'),
      rule('IP-CIDR', '198.51.100.0/24', 'far'),
      rule('MATCH', '', 'far'),
    ];
    stage = new Stage((own) => policyOf(rules, [own.far, own.direct]));
    stage.addresses = { 'host2.example': ['192.0.2.1', '198.51.100.1'] };
  });

  test('a name that a domain rule takes is never resolved', async () => {
    await stage.connect('198.18.3.1');
    expect(stage.resolved).toEqual([]);
    expect(stage.row('1').rule).toMatchObject({ index: 0 });
  });

  test('an IP rule asks once; the address is for matching, the connection goes by name', async () => {
    await stage.connect('198.18.3.2');
    expect(stage.resolved).toEqual(['host2.example']);
    expect(stage.row('1')).toMatchObject({ rule: { index: 1 }, matchedIp: '192.0.2.1' });
    expect(stage.lastVerdict).toMatchObject({ dial: { target: { host: 'host2.example', port: 443 } } });
  });

  test('a name that cannot be resolved goes on to the next rule', async () => {
    await stage.connect('198.18.3.3');
    expect(stage.row('1').rule).toMatchObject({ type: 'MATCH' });
    expect(stage.row('1').error).toBeUndefined();
  });

  test('new rules are for new flows', async () => {
    const late = Promise.withResolvers<never>();
    stage.far.planned = () => late.promise;
    await stage.connect('198.18.3.1');
    const other = new FakeOutbound('other');
    stage.dispatcher.swap(policyOf([rule('MATCH', '', 'other')], [other]));
    await stage.connect('198.18.3.1');
    expect(stage.row('1').chain).toEqual(['far']);
    expect(stage.row('2').chain).toEqual(['other']);
  });
});

describe('UDP that the outbound of its rule cannot carry', () => {
  const thin = new FakeOutbound('thin', false);

  test('goes on to the next rule that matches; a name is still resolved once', async () => {
    const rules = [
      rule('IP-CIDR', '192.0.2.0/24', 'thin'),
      rule('DOMAIN', 'other.example', 'DIRECT'),
      rule('IP-CIDR', '192.0.0.0/16', 'far'),
      rule('MATCH', '', 'DIRECT'),
    ];
    stage = new Stage((own) => policyOf(rules, [own.far, own.direct, thin]));
    stage.addresses = { 'host1.example': ['192.0.2.1'] };
    await stage.connect('198.18.3.1', 443, 'udp');
    expect(stage.row('1')).toMatchObject({ rule: { index: 2 }, chain: ['far'], matchedIp: '192.0.2.1' });
    expect(stage.resolved).toEqual(['host1.example']);
    await stage.connect('198.18.3.1', 443, 'tcp');
    expect(stage.row('2')).toMatchObject({ rule: { index: 0 }, chain: ['thin'] });
  });

  test('is refused by ICMP when no rule comes after it', async () => {
    stage = new Stage((own) => policyOf([rule('MATCH', '', 'thin')], [own.direct, thin]));
    await stage.connect('198.18.3.1', 443, 'udp');
    expect(stage.lastVerdict).toEqual({ kind: 'reject', how: 'reset' });
    expect(stage.row('1')).toMatchObject({ error: { code: 'DIAL_REJECTED' } });
  });
});

describe('processes', () => {
  const ssh = { pid: 77, uid: 1000, name: 'ssh', path: '/usr/bin/ssh' };

  test('is asked for once, when the flow opens, whoever watches; the decision does not wait for it', async () => {
    stage.process = ssh;
    await stage.connect();
    expect(stage.processAsked).toEqual([{ host: '198.18.3.1', port: 443 }]);
    expect(stage.row('1').process).toEqual(ssh);
    expect(stage.lastVerdict?.kind).toBe('dial');
  });

  test('nobody is asked while too many are', async () => {
    stage.processLookUps = false;
    await stage.connect();
    expect(stage.processAsked).toEqual([]);
  });

  test('is asked for before the first bytes are waited for: the program may not live that long', async () => {
    stage.engine.open('198.18.9.9', 443);
    await settle();
    expect(stage.row('1').state).toBe('deciding');
    expect(stage.processAsked).toEqual([{ host: '198.18.9.9', port: 443 }]);
  });

  describe('with a proxy on this machine', () => {
    beforeEach(() => {
      stage = new Stage((own) =>
        policyOf([rule('MATCH', '', 'far')], [own.far, own.direct], [{ host: '127.0.0.1', port: 1080 }]),
      );
      stage.process = ssh;
    });

    test('the proxy’s own flows go DIRECT, and the row says why', async () => {
      stage.loopPids = [77];
      await stage.connect('203.0.113.9', 22);
      expect(stage.row('1')).toMatchObject({
        chain: ['DIRECT'],
        rule: { type: 'LOOP-GUARD', index: -1, payload: 'ssh', policy: 'DIRECT' },
        process: ssh,
      });
    });

    test('so do those of one in a container', async () => {
      // The stage's flows all have the TUN's address.
      stage = new Stage((own) => policyOf([rule('MATCH', '', 'far')], [own.far, own.direct], [], {}, ['198.18.0.1']));
      await stage.connect('203.0.113.9', 22);
      const guarded = { type: 'LOOP-GUARD', payload: '198.18.0.1', policy: 'DIRECT' };
      expect(stage.row('1')).toMatchObject({ chain: ['DIRECT'], rule: guarded });
    });

    test('other flows take the rules', async () => {
      await stage.connect();
      expect(stage.row('1')).toMatchObject({ chain: ['far'], rule: { type: 'MATCH' } });
    });

    test('so do flows of an unknown process', async () => {
      stage.process = undefined;
      stage.loopPids = [77];
      await stage.connect();
      expect(stage.row('1').chain).toEqual(['far']);
    });
  });
});

test('counters of a live flow come from the shared memory', async () => {
  const id = await stage.connect();
  stage.engine.dialed(id, good);
  stage.engine.count(id, 5, 6);
  expect(stage.flows.sample()).toEqual({ up: 5, down: 6, live: 1 });
});

test('closing a flow by hand goes through the engine', async () => {
  const id = await stage.connect();
  stage.engine.dialed(id, good);
  expect(stage.flows.close('1')).toBe(true);
  expect(stage.engine.closes).toEqual([{ id, how: 'reset' }]);
  await settle();
  expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'closed' });
  expect(stage.pool.at(-1)).toBe('closed 198.18.3.1 ok');
});
