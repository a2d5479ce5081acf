/** A client of the mixed port whose bytes nobody has to read, on the dispatcher's path. */
import { expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { DialPlan } from '../../../core/flow/dial-plan.ts';
import { settle } from '../../support/manual-clock.ts';
import { Stage } from './stage.ts';

/** A client that asks for a name, and what is done with it. */
function client(stage: Stage) {
  const dials: DialPlan[] = [];
  const closed: string[] = [];
  const refused: string[] = [];
  const bytes = { up: 0, down: 0, firstByteMs: undefined as number | undefined };
  const flow = stage.dispatcher.dispatch({
    kind: 'stream',
    metadata: {
      network: 'tcp',
      inbound: 'mixed',
      source: { host: '127.0.0.1', port: 40_001 },
      destination: { host: 'a.example', port: 443 },
      originalDestination: { host: 'a.example', port: 443 },
      domainSource: 'inbound',
    },
    local: { host: '127.0.0.1', port: 7890 },
    carry: (dial) => {
      dials.push(dial);
      return { kind: 'stream', bytes: () => bytes, close: (how) => closed.push(how) };
    },
    accept: () => expect.unreachable('nobody reads it'),
    reject: (error) => refused.push(error.code),
  });
  return { flow, dials, closed, refused, bytes };
}

test('is dialled by plan, counted and closed by who carries it, and ends once', async () => {
  const stage = new Stage();
  const { flow, dials, closed, bytes } = client(stage);
  await settle();
  expect(dials).toMatchObject([{ target: { host: 'a.example', port: 443 }, layers: [{ protocol: 'socks5' }] }]);
  expect(stage.row('1')).toMatchObject({ state: 'dialing', chain: ['far'], tried: ['192.0.2.7:1080'] });
  flow.dialed({ ok: true, address: '192.0.2.7', ms: 12.4 });
  expect(stage.row('1')).toMatchObject({ state: 'open', remote: '192.0.2.7', dialMs: 12 });
  Object.assign(bytes, { up: 7, down: 9, firstByteMs: 30 });
  stage.flows.sample();
  expect(stage.row('1')).toMatchObject({ up: 7, down: 9, firstByteMs: 30 });
  stage.flows.close('1');
  expect(closed).toEqual(['reset']);
  flow.ended({ up: 8, down: 9, firstByteMs: 30, reason: 'closed' });
  flow.ended({ up: 0, down: 0, reason: 'done' });
  expect(stage.row('1')).toMatchObject({ state: 'closed', up: 8, down: 9, closeReason: 'closed' });
  expect(stage.log).toHaveLength(1);
});

test('that cannot be dialled is told so, and the node is to blame', async () => {
  const stage = new Stage();
  const { flow, refused } = client(stage);
  await settle();
  flow.dialed({ ok: false, code: 'DIAL_PROXY_AUTH', layer: 0, message: 'wrong password', ms: 3 });
  expect(refused).toEqual(['DIAL_PROXY_AUTH']);
  expect(stage.row('1')).toMatchObject({
    state: 'closed',
    closeReason: 'failed',
    error: { code: 'DIAL_PROXY_AUTH', message: 'wrong password' },
  });
  expect(stage.failedNames).toEqual([['a.example', 'far', 'DIAL_PROXY_AUTH']]);
});

test('that a rule refuses is refused by the outbound’s own patience', async () => {
  const stage = new Stage();
  stage.far.planned = () => Promise.resolve({ kind: 'reject', how: 'drop' });
  const silence = Promise.withResolvers<never>();
  stage.far.dialled = () => silence.promise;
  const { dials, refused } = client(stage);
  await settle();
  expect([dials, refused]).toEqual([[], []]);
  silence.reject(new AppError('DIAL_REJECTED', 'refused by a rule'));
  await settle();
  expect(refused).toEqual(['DIAL_REJECTED']);
  expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'rejected' });
});
